import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GoogLeNet, Images } from '../../lib/index.js'
import { channelsLast, classes, create, differing, relativeError, size, waves } from './helpers.js'

let net: GoogLeNet
beforeAll(async () => {
  net = await create({ seed: 1 })
})
afterAll(() => net.dispose())

describe('create', () => {
  it('resolves every option', () => {
    expect(net.options).toEqual({
      variant: 'seed',
      classes,
      labels: ['0', '1', '2', '3'],
      channels: 3,
      imageSize: size,
      reduction4d: 114,
      aux: true,
      auxDropout: 0.5,
      dropout: 0,
      seed: 1,
      device: 'cpu',
      precision: 'fp32',
      threads: 1,
      tf32: false,
      deterministic: false,
      tune: false,
      planCache: expect.any(String),
    })
    expect(Object.isFrozen(net.options)).toBe(true)
  })

  it('finds a device by itself', async () => {
    using found = await create({ device: 'auto' })
    expect(found.options.device).toMatch(/^(cpu|cuda)/)
    await expect(found.forward(waves(1))).resolves.toBeDefined()
  })

  it.each([
    ['ERR_GOOGLENET_OPTION', { imageSize: 32 }],
    ['ERR_GOOGLENET_OPTION', { classes: 0 }],
    ['ERR_GOOGLENET_PRECISION', { precision: 'fp16' }],
    ['ERR_GOOGLENET_DEVICE', { device: 'cuda:99' }],
  ] as const)('refuses with %s: %o', async (code, options) => {
    await expect(create(options)).rejects.toMatchObject({ name: 'GoogLeNetError', code })
  })

  it("draws PyTorch's initial weights from the seed", async () => {
    using same = await create({ seed: 1 })
    using other = await create({ seed: 2 })
    const dict = await net.stateDict()
    expect(differing(await same.stateDict(), dict)).toEqual([])
    expect(differing(await other.stateDict(), dict)).toContain('stem_conv.0.weight')

    const bound = 1 / Math.sqrt(3 * 7 * 7)
    const weights = dict.get('stem_conv.0.weight')!.data
    const mean = weights.reduce((a, b) => a + b, 0) / weights.length
    const variance = weights.reduce((a, b) => a + b * b, 0) / weights.length
    expect(Math.max(...weights)).toBeLessThanOrEqual(bound)
    expect(Math.min(...weights)).toBeGreaterThanOrEqual(-bound)
    expect(Math.abs(mean)).toBeLessThan(0.05 * bound)
    expect(variance / (bound ** 2 / 3)).toBeCloseTo(1, 1) // of a uniform distribution
    expect(new Set(dict.get('stem_conv.1.weight')!.data)).toEqual(new Set([1]))
    expect(new Set(dict.get('stem_conv.1.running_mean')!.data)).toEqual(new Set([0]))
  })
})

describe('forward', () => {
  it('gives the logits of each head', async () => {
    const { logits, aux1, aux2 } = await net.forward(waves(2))
    for (const head of [logits, aux1!, aux2!]) {
      expect(head.shape).toEqual([2, classes])
      expect(head.data).toHaveLength(2 * classes)
      expect(head.data.every(Number.isFinite)).toBe(true)
    }
    expect(aux1!.data).not.toEqual(aux2!.data)
    expect(logits.data).not.toEqual(aux1!.data)
  })

  it('answers each image by itself in eval mode', async () => {
    const together = await net.forward(waves(3))
    for (let i = 0; i < 3; i++) {
      const alone = await net.forward(waves(1, i))
      const expected = together.logits.data.subarray(i * classes, (i + 1) * classes)
      expect(relativeError(alone.logits.data, expected)).toBeLessThan(1e-5)
    }
  })

  it('takes the channels last', async () => {
    const expected = await net.forward(waves(2))
    const { logits } = await net.forward(channelsLast(waves(2)))
    expect(relativeError(logits.data, expected.logits.data)).toBeLessThan(1e-6)
  })

  it('normalises pixels as torchvision does', async () => {
    const [mean, std] = [
      [0.485, 0.456, 0.406],
      [0.229, 0.224, 0.225],
    ] as const
    const { data, shape } = waves(2)
    const pixels = Uint8Array.from(data, (value) => Math.round((value + 1) * 127.5))
    const normalised = Float32Array.from(pixels, (pixel, i) => {
      const channel = Math.floor(i / (size * size)) % 3
      return (pixel / 255 - mean[channel]!) / std[channel]!
    })
    const expected = await net.forward({ data: normalised, shape })
    const images: Images = { data: pixels, shape }
    for (const given of [images, channelsLast(images)]) {
      const { logits } = await net.forward(given)
      expect(relativeError(logits.data, expected.logits.data)).toBeLessThan(1e-5)
    }
  })

  it('leaves the auxiliary heads out when asked to, and when there are none', async () => {
    const all = await net.forward(waves(2))
    const main = await net.forward(waves(2), { heads: 'main' })
    expect(Object.keys(main)).toEqual(['logits'])
    expect(relativeError(main.logits.data, all.logits.data)).toBeLessThan(1e-6)
    using plain = await create({ aux: false })
    expect(Object.keys(await plain.forward(waves(1)))).toEqual(['logits'])
  })

  it('moves the running statistics in train mode alone', async () => {
    using trained = await create({ auxDropout: 0 })
    const before = await trained.stateDict()
    await trained.forward(waves(4))
    expect(differing(await trained.stateDict(), before)).toEqual([])
    const { logits } = await trained.forward(waves(4), { mode: 'train' })
    const moved = differing(await trained.stateDict(), before)
    const statistics = [...before.keys()].filter((name) => /running_(mean|var)$/.test(name))
    expect(moved.sort()).toEqual(statistics.sort())
    expect(logits.data).not.toEqual((await trained.forward(waves(4))).logits.data)
  })

  it.each([
    [65, 1, 1],
    [97, 3, 2],
    [130, 5, 10],
  ])('takes images of %i x %i pixels with %i channels', async (imageSize, channels, count) => {
    using odd = await create({ imageSize, channels, classes: count })
    const shape = [2, channels, imageSize, imageSize]
    const data = Float32Array.from({ length: 2 * channels * imageSize ** 2 }, (_, i) => Math.sin(i / 7))
    const { logits, aux1, aux2 } = await odd.forward({ data, shape })
    for (const head of [logits, aux1, aux2]) {
      expect(head?.shape).toEqual([2, count])
      expect(head?.data.every(Number.isFinite)).toBe(true)
    }
  })

  it.each<[string, unknown, unknown]>([
    ['ERR_GOOGLENET_DTYPE', { data: new Float64Array(3 * size * size), shape: [1, 3, size, size] }, {}],
    ['ERR_GOOGLENET_SHAPE', { data: new Float32Array(5), shape: [1, 3, size, size] }, {}],
    ['ERR_GOOGLENET_SHAPE', { data: new Float32Array(3), shape: [1, 3, 1, 1] }, {}],
    ['ERR_GOOGLENET_OPTION', waves(1), { mode: 'test' }],
    ['ERR_GOOGLENET_OPTION', waves(1), { weights: 'momentum' }],
    ['ERR_GOOGLENET_OPTION', waves(1), { weights: 'average' }],
    ['ERR_GOOGLENET_OPTION', waves(1), { heads: 'aux' }],
  ])('refuses with %s: %o, %o', async (code, images, options) => {
    await expect(net.forward(images as Images, options as object)).rejects.toMatchObject({ code })
  })
})

describe('what a network says of itself', () => {
  it('is its summary', () => {
    const summary = net.summary()
    expect(summary).toMatchObject({ variant: 'seed', classes, input: [3, size, size] })
    expect(summary.parameters).toBe(13_295_854 - 3 * (1000 - classes) * 1025)
  })

  it('is its memory: a sum of parts', () => {
    const { total, arenaUnshared, ...parts } = net.memory()
    expect(Object.values(parts).reduce((a, b) => a + b, 0)).toBe(total)
    expect(parts.parameters).toBeGreaterThanOrEqual(4 * net.summary().parameters)
    expect(parts.arena).toBeLessThan(arenaUnshared)
  })

  it('is its plan', async () => {
    const inference = await net.plan(2, 'eval')
    const training = await net.plan(2, 'train')
    expect(training.steps.length).toBeGreaterThan(inference.steps.length)
    expect(training.arenaBytes).toBeGreaterThan(inference.arenaBytes)
    await expect(net.plan(0, 'eval')).rejects.toMatchObject({ code: 'ERR_GOOGLENET_OPTION' })
    await expect(net.plan(1, 'test' as 'eval')).rejects.toMatchObject({ code: 'ERR_GOOGLENET_OPTION' })
  })
})
