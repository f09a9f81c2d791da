import { describe, expect, test } from 'vitest'
import { EpochOrder, hash, hashText } from '../../lib/data/order.js'

const orderOf = (seed: number, epoch: number, length: number): number[] => {
  const order = new EpochOrder(seed, epoch, length)
  return Array.from({ length }, (_, position) => order.at(position))
}

describe('the order of an epoch', () => {
  test.each([1, 2, 3, 5, 16, 17, 255, 256, 257, 1000, 1024, 1025, 4097, 60_001])(
    'visits each of %i samples once',
    (length) => {
      const seen = new Set(orderOf(7, 3, length))
      expect(seen.size).toBe(length)
      expect(Math.max(...seen)).toBe(length - 1)
      expect(Math.min(...seen)).toBe(0)
    },
  )

  test('is found at any place of a million samples without the others', () => {
    const order = new EpochOrder(1, 0, 1_281_167)
    const some = Array.from({ length: 1000 }, (_, i) => order.at(i * 1281))
    expect(new Set(some).size).toBe(1000)
    expect(some.every((index) => Number.isInteger(index) && index >= 0 && index < 1_281_167)).toBe(true)
    expect(new EpochOrder(1, 0, 1_281_167).at(500 * 1281)).toBe(some[500])
  })

  test('depends on seed and epoch, and on all bits of the seed', () => {
    const first = orderOf(1, 0, 100)
    expect(orderOf(1, 0, 100)).toEqual(first)
    expect(orderOf(1, 1, 100)).not.toEqual(first)
    expect(orderOf(2, 0, 100)).not.toEqual(first)
    expect(orderOf(1 + 2 ** 32, 0, 100)).not.toEqual(first)
    // Epoch 1 of one seed is not epoch 0 of the next.
    expect(orderOf(0, 1, 100)).not.toEqual(orderOf(1, 0, 100))
  })

  test.each([3, 10, 40])('puts each of %i samples at each place equally often', (length) => {
    const epochs = 1000
    const counts = new Float64Array(length * length)
    for (let epoch = 0; epoch < epochs; epoch++) {
      for (const [position, index] of orderOf(5, epoch, length).entries())
        counts[position * length + index]!++
    }
    const expected = epochs / length
    const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
    // Chi-square of (length - 1)^2 degrees of freedom: mean and variance 2 x mean.
    const freedom = (length - 1) ** 2
    expect(Math.abs(statistic - freedom)).toBeLessThan(4 * Math.sqrt(2 * freedom))
  })

  test('puts each sample behind each other equally often', () => {
    const [length, epochs] = [8, 2000]
    const counts = new Float64Array(length * length)
    for (let epoch = 0; epoch < epochs; epoch++) {
      const order = orderOf(9, epoch, length)
      for (let i = 1; i < length; i++) counts[order[i - 1]! * length + order[i]!]!++
    }
    const expected = (epochs * (length - 1)) / (length * (length - 1))
    const pairs = counts.filter((_, i) => Math.floor(i / length) !== i % length)
    for (const count of pairs) expect(Math.abs(count - expected)).toBeLessThan(5 * Math.sqrt(expected))
  })
})

test('hashes spread over 32 bits and tell the order of their numbers', () => {
  const values = Array.from({ length: 50_000 }, (_, i) => hash(i, 1))
  expect(new Set(values).size).toBeGreaterThan(49_990)
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length / 2 ** 32
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.01)
  expect(hash(1, 2)).not.toBe(hash(2, 1))
  expect(hashText(1, 'ab')).not.toBe(hashText(1, 'ba'))
  expect(hashText(1, 'ab')).not.toBe(hashText(2, 'ab'))
})
