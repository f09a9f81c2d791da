import { expect, test } from 'vitest'
import { EpochOrder } from '../../../lib/data/order.js'
import { WindowOrder } from '../../../lib/data/shards/windowOrder.js'

const starts = Float64Array.from([0, 5, 5, 12, 13, 40, 47, 50, 90, 91, 100])
const visited = (seed: number, epoch: number, window = 3) => {
  const order = new WindowOrder(seed, epoch, starts, window)
  return Array.from({ length: order.length }, (_, position) => order.at(position))
}
const blockOf = (index: number) => starts.findLastIndex((start) => start <= index)

test('visits each sample once', () => {
  for (const window of [1, 3, 10, 50]) {
    expect(visited(1, 2, window).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i))
  }
})

test('depends on seed and epoch, and on nothing else', () => {
  expect(visited(1, 2)).toEqual(visited(1, 2))
  expect(visited(1, 3)).not.toEqual(visited(1, 2))
  expect(visited(2, 2)).not.toEqual(visited(1, 2))
  const order = new WindowOrder(1, 2, starts, 3)
  expect([99, 3, 50].map((position) => order.at(position))).toEqual([99, 3, 50].map((p) => visited(1, 2)[p]))
})

test('is the order of sources that are fast where one window holds all', () => {
  const order = new EpochOrder(4, 1, 100)
  expect(visited(4, 1, 10)).toEqual(Array.from({ length: 100 }, (_, position) => order.at(position)))
})

test('reads each block in one stretch, no more than two windows of blocks at a time', () => {
  const blocks = visited(7, 0).map(blockOf)
  for (let position = 0; position < 100; position++) {
    const open = new Set(
      blocks.slice(0, position + 1).filter((block) => blocks.lastIndexOf(block) >= position),
    )
    expect(open.size).toBeLessThanOrEqual(3)
  }
})

test('mixes the samples of the blocks in a window', () => {
  const blocks = visited(7, 0, 10).map(blockOf)
  const changes = blocks.filter((block, i) => i > 0 && block !== blocks[i - 1]).length
  expect(changes).toBeGreaterThan(40)
})

test('is that of everything where one window holds all blocks', () => {
  const order = new EpochOrder(7, 3, 100)
  expect(visited(7, 3, 10)).toEqual(Array.from({ length: 100 }, (_, position) => order.at(position)))
})
