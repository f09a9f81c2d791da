/** The variants as networks: images, initial weights, training, files. What they compute is parity's. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { GoogLeNet, type StateDict } from '../../lib/index.js'
import { expectClose } from '../conformance/compare.js'
import { create, differing, size, waves } from './helpers.js'

const others = ['paper', 'torchvision'] as const

/** Pixels of a batch of two, and the same as float32 by a function of pixel and channel, in NCHW. */
function pixels(normalise: (pixel: number, channel: number) => number, order: readonly number[]) {
  const shape = [2, 3, size, size] as const
  const plane = size * size
  const data = Uint8Array.from({ length: 2 * 3 * plane }, (_, i) => Math.imul(i + 1, 2654435761) >>> 24)
  const floats = Float32Array.from(data, (_, i) => {
    const [n, c] = [Math.floor(i / (3 * plane)), Math.floor(i / plane) % 3]
    return normalise(data[(n * 3 + order[c]!) * plane + (i % plane)]!, c)
  })
  return { bytes: { data, shape }, floats: { data: floats, shape } }
}

function statistics(values: Float32Array) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  return {
    mean,
    deviation: Math.sqrt(variance),
    largest: values.reduce((m, v) => Math.max(m, Math.abs(v)), 0),
  }
}

describe('images', () => {
  it.each([
    ['paper', (pixel: number, c: number) => pixel - [104, 117, 123][c]!, [2, 1, 0]],
    ['torchvision', (pixel: number) => (pixel / 255 - 0.5) / 0.5, [0, 1, 2]],
  ] as const)('of %s are normalised as its source does it', async (variant, normalise, order) => {
    using net = await create({ variant, aux: false })
    const { bytes, floats } = pixels(normalise, order)
    const found = await net.forward(bytes)
    expectClose(found.logits.data, (await net.forward(floats)).logits.data, 1e-5, 'the logits')
  })
})

describe('initial weights', () => {
  const tensor = (dict: StateDict, name: string) => dict.get(name)!.data

  it("of paper are Caffe's: xavier, biases of 0.2, of classifiers 0", async () => {
    using net = await create({ variant: 'paper' })
    const dict = await net.stateDict()
    const { mean, deviation, largest } = statistics(tensor(dict, 'inception_branch_a5.branch2.2.weight'))
    const bound = Math.sqrt(3 / (160 * 9))
    expect(Math.abs(mean)).toBeLessThan(bound / 100)
    expect(deviation / (bound / Math.sqrt(3))).toBeCloseTo(1, 2)
    expect(largest / bound).toBeCloseTo(1, 3)
    for (const name of ['stem_conv.0.bias', 'inception_branch_b5.branch4.1.bias', 'aux_fc1.fc.0.bias']) {
      expect(new Set(tensor(dict, name)), name).toEqual(new Set([Math.fround(0.2)]))
    }
    for (const name of ['fc.bias', 'aux_fc1.fc.3.bias', 'aux_fc2.fc.3.bias']) {
      expect(new Set(tensor(dict, name)), name).toEqual(new Set([0]))
    }
  })

  it("of torchvision are normal with deviation 0.01, biases PyTorch's", async () => {
    using net = await create({ variant: 'torchvision' })
    const dict = await net.stateDict()
    const weights = tensor(dict, 'aux_fc1.fc.0.weight')
    const { mean, deviation } = statistics(weights)
    expect(Math.abs(mean)).toBeLessThan(1e-4)
    expect(deviation).toBeCloseTo(0.01, 4)
    // Of a normal distribution 31.73 % lie beyond one deviation, 4.55 % beyond two, 0.27 % beyond three.
    for (const [times, share] of [
      [1, 0.3173],
      [2, 0.0455],
      [3, 0.0027],
    ] as const) {
      const beyond = weights.reduce((count, value) => count + Number(Math.abs(value) > times * 0.01), 0)
      expect(beyond / weights.length).toBeCloseTo(share, 3)
    }
    const bias = statistics(tensor(dict, 'aux_fc1.fc.0.bias'))
    expect(bias.largest).toBeLessThanOrEqual(1 / Math.sqrt(2048))
    expect(bias.largest).toBeGreaterThan(0.95 / Math.sqrt(2048))
  })
})

describe.each(others)('%s', (variant) => {
  const labels = Int32Array.of(0, 1, 2, 3)

  it('learns four images, and goes on from a snapshot with the same bits', async () => {
    // The sizes of the images that the two take differ by two orders.
    const images = waves(4)
    if (variant === 'paper') images.data = images.data.map((value) => 64 * value)
    using net = await create({ variant, seed: 2 })
    const step = { learningRate: variant === 'paper' ? 1e-4 : 0.02, momentum: 0.9 }
    const first = await net.trainStep(images, labels, step)
    const snapshot = await net.snapshot()
    const losses: number[] = []
    for (let i = 0; i < 12; i++) losses.push((await net.trainStep(images, labels, step)).loss)
    expect(Math.min(...losses)).toBeLessThan(0.8 * first.loss)

    using twin = await create({ variant, seed: 2 })
    await twin.restore(snapshot)
    const again: number[] = []
    for (let i = 0; i < 3; i++) again.push((await twin.trainStep(images, labels, step)).loss)
    expect(again).toEqual(losses.slice(0, 3))
  })

  it('comes back from its file, other options too', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'googlenet-variants-'))
    try {
      const path = join(folder, 'net.safetensors')
      using net = await create({ variant, dropout: 0.1, aux: false, channels: 1, classes: ['a', 'b'] })
      await net.save(path)
      using opened = await GoogLeNet.open(path, { device: 'cpu', threads: 1 })
      expect(opened.options).toEqual(net.options)
      expect(differing(await opened.stateDict(), await net.stateDict())).toEqual([])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('takes images of another size beside its own', async () => {
    using net = await create({ variant })
    const shape = [1, 3, 97, 97] as const
    const images = { data: Float32Array.from({ length: 3 * 97 * 97 }, (_, i) => Math.sin(i)), shape }
    const { logits, aux1 } = await net.forward(images, { imageSize: 97 })
    using other = await create({ variant, imageSize: 97 })
    const expected = await other.forward(images)
    expect([logits.data, aux1?.data]).toEqual([expected.logits.data, expected.aux1?.data])
  })
})
