import { expect, test } from 'vitest'
import { addBatch, averages, noSums, Speed } from '../../lib/training/metrics.js'

test('averages weigh each batch by its samples, and survive JSON to the bit', () => {
  const sums = noSums()
  addBatch(sums, { loss: 1.1, headLosses: [0.7, 0.9], top1: 3, top5: 4 }, 4)
  const kept = JSON.parse(JSON.stringify(sums)) as typeof sums
  expect(kept).toEqual(sums)
  for (const one of [sums, kept]) addBatch(one, { loss: 0.1, headLosses: [0.3, 0.2], top1: 0, top5: 2 }, 2)
  expect(kept).toEqual(sums)
  const found = averages(sums)
  expect(found.loss).toBeCloseTo((4 * 1.1 + 2 * 0.1) / 6, 12)
  expect(found.headLosses[0]).toBeCloseTo((4 * 0.7 + 2 * 0.3) / 6, 12)
  expect(found.headLosses[1]).toBeCloseTo((4 * 0.9 + 2 * 0.2) / 6, 12)
  expect(found.top1).toBe(3 / 6)
  expect(found.top5).toBe(6 / 6)
})

test('speed is the mean at first, and forgets what is long ago', () => {
  const speed = new Speed()
  expect(speed.imagesPerSecond).toBe(0)
  speed.add(32, 4)
  expect(speed.imagesPerSecond).toBeCloseTo(8, 12)
  speed.add(32, 1)
  expect(speed.imagesPerSecond).toBeGreaterThan(8)
  expect(speed.imagesPerSecond).toBeLessThan(32)
  for (let i = 0; i < 200; i++) speed.add(32, 1)
  expect(speed.imagesPerSecond).toBeCloseTo(32, 3)
  const before = speed.imagesPerSecond
  speed.add(32, 2)
  expect(speed.imagesPerSecond).toBeGreaterThan(before * 0.85)
})
