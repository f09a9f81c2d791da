import { describe, expect, test, vi } from 'vitest'
import { ImageFolder } from '../../lib/data/imageFolder.js'
import { imageSizeAt } from '../../lib/training/options.js'
import { train } from '../../lib/training/train.js'
import { placeClasses, temporaryFolder } from '../data/pictures.js'
import { collect, digest, ofType, smallNet } from './small.js'

const folder = await temporaryFolder()
await placeClasses(folder, { cat: 3, dog: 3 })
const data = await ImageFolder.open(folder, { split: { validation: 0.34 } })
const stages = [
  { untilEpoch: 1, imageSize: 80 },
  { untilEpoch: 2, imageSize: 72 },
]

describe('a schedule of image sizes', () => {
  test('is walked through, and ends at the own size', () => {
    expect([0, 1, 2, 9].map((epoch) => imageSizeAt(stages, epoch, 64))).toEqual([80, 72, 64, 64])
    expect(imageSizeAt([], 0, 64)).toBe(64)
  })

  test('decides what is trained on, not what is validated on', async () => {
    using net = await smallNet(data.classes)
    const trained = vi.spyOn(net, 'trainStep')
    const judged = vi.spyOn(net, 'forward')
    await collect(net, data, { epochs: 3, batchSize: 4, imageSize: stages })
    expect(trained.mock.calls.map(([{ shape }]) => shape.slice(1))).toEqual([
      [3, 80, 80],
      [3, 72, 72],
      [3, 64, 64],
    ])
    expect(judged.mock.calls.map(([{ shape }]) => shape[2])).toEqual([64, 64, 64])
  })

  test('goes on where it was resumed', async () => {
    const run = await temporaryFolder()
    const options = { epochs: 3, batchSize: 4, imageSize: stages, checkpoint: run, keep: 9 }
    using whole = await smallNet(data.classes)
    const events = await collect(whole, data, options)
    const first = ofType(events, 'checkpoint')[0]!.path
    using resumed = await smallNet(data.classes)
    await collect(resumed, data, { ...options, checkpoint: await temporaryFolder(), resume: first })
    expect(digest(await resumed.snapshot())).toEqual(digest(await whole.snapshot()))
  })

  test.each([
    [128, /imageSize must be a list/],
    [[{ untilEpoch: 0, imageSize: 80 }], /imageSize\[0\].untilEpoch must be/],
    [
      [
        { untilEpoch: 2, imageSize: 80 },
        { untilEpoch: 2, imageSize: 96 },
      ],
      /imageSize\[1\].untilEpoch must be/,
    ],
    [[{ untilEpoch: 2, imageSize: 63 }], /imageSize\[0\].imageSize must be/],
    [[null], /imageSize\[0\].untilEpoch must be/],
  ])('%j is refused', async (imageSize, message) => {
    using net = await smallNet(data.classes)
    expect(() => train(net, data, { imageSize: imageSize as never })).toThrow(message)
  })
})
