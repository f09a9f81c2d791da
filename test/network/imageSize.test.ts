import { describe, expect, test } from 'vitest'
import type { Images } from '../../lib/images.js'
import type { GoogLeNet } from '../../lib/network.js'
import { create, differing, labels, size } from './helpers.js'

/** Pixels of noise, `side` high and wide. */
function noise(count: number, side: number): Images {
  const data = Uint8Array.from({ length: count * 3 * side * side }, (_, i) => Math.imul(i, 2654435761) >>> 24)
  return { data, shape: [count, 3, side, side] }
}

const step = { learningRate: 0.05, momentum: 0.9 }

describe('images of another size', () => {
  // Every size from 64 up leaves the pools another window.
  test.each([65, 80, 96])('are what a network made for %i makes of them', async (imageSize) => {
    using net = await create({ seed: 3 })
    using made = await create({ seed: 3, imageSize })
    const images = noise(2, imageSize)
    const [a, b] = [await net.forward(images, { imageSize }), await made.forward(images)]
    expect(a.logits.data).toEqual(b.logits.data)
    expect(a.aux1!.data).toEqual(b.aux1!.data)
    const [x, y] = [
      await net.trainStep(images, labels(2), { ...step, imageSize }),
      await made.trainStep(images, labels(2), step),
    ]
    expect(x).toEqual(y)
    expect(differing(await net.stateDict(), await made.stateDict())).toEqual([])
  })

  test('train the same weights in turns with its own', async () => {
    using net = await create()
    using other = await create({ imageSize: 80 })
    const turns = async (one: GoogLeNet, first: number) => {
      for (const imageSize of [first, 80, size, 80]) {
        await one.trainStep(noise(2, imageSize), labels(2), { ...step, imageSize })
      }
    }
    await Promise.all([turns(net, size), turns(other, size)])
    expect(differing(await net.stateDict(), await other.stateDict())).toEqual([])
    const state = await net.snapshot()
    await net.restore(state)
    const images = noise(1, 80)
    const [a, b] = [await net.forward(images, { imageSize: 80 }), await other.forward(images)]
    expect(a.logits.data).toEqual(b.logits.data)
  })

  test('are refused unless they are asked for, and of a size that the network takes', async () => {
    using net = await create()
    await expect(net.forward(noise(1, 80))).rejects.toMatchObject({ code: 'ERR_GOOGLENET_SHAPE' })
    await expect(net.forward(noise(1, 64), { imageSize: 80 })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_SHAPE',
      message: expect.stringContaining('[n, 3, 80, 80]'),
    })
    await expect(net.forward(noise(1, 32), { imageSize: 32 })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_OPTION',
    })
  })
})
