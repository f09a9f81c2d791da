/** What the variants `paper` and `torchvision` are made of, beside their sources. */
import { describe, expect, it } from 'vitest'
import type { VariantOptions } from '../../lib/models/body.js'
import { type TracedLayer, trace } from '../../lib/models/shapes.js'
import { type Variant, variants } from '../../lib/models/variants.js'
import { elementCount } from '../../lib/tensors.js'

const define = (variant: Variant, options: Partial<VariantOptions> = {}) =>
  variants[variant].define({
    ...variants[variant].defaults,
    classes: 1000,
    channels: 3,
    imageSize: 224,
    aux: true,
    ...options,
  })
const countOf = (layers: TracedLayer[]) =>
  layers
    .flatMap(({ parameters }) => parameters)
    .filter(({ trainable }) => trainable)
    .reduce((sum, { shape }) => sum + elementCount(shape), 0)
const macsOf = (layers: TracedLayer[]) => layers.reduce((sum, { macs }) => sum + macs, 0)
const others = ['paper', 'torchvision'] as const

describe('parameters', () => {
  it('of paper are as many as those of bvlc_googlenet', () => {
    expect(countOf(trace(define('paper', { aux: false })))).toBe(6_998_552)
    expect(countOf(trace(define('paper')))).toBe(13_378_280)
  })

  it('of torchvision are as many as it says, and so are the multiply-adds', () => {
    const layers = trace(define('torchvision', { aux: false }))
    expect(countOf(layers)).toBe(6_624_904) // GoogLeNet_Weights: num_params
    expect(macsOf(layers) / 1e9).toBeCloseTo(1.498, 3) // and _ops
    expect(countOf(trace(define('torchvision')))).toBe(13_004_888)
  })
})

describe.each(others)('the variant %s', (variant) => {
  it('takes images of any size from 64 up: each pool rounds up', () => {
    const base = countOf(trace(define(variant)))
    for (let imageSize = 64; imageSize <= 320; imageSize++) {
      const layers = new Map(
        trace(define(variant, { imageSize })).map((traced) => [traced.layer.name, traced.output.height]),
      )
      const ceilPool = (side: number, kernel: number) => Math.ceil((side - kernel) / 2) + 1
      let side = Math.floor((imageSize - 1) / 2) + 1
      expect(layers.get('stem_conv.0')).toBe(side)
      side = ceilPool(ceilPool(side, 3), 3)
      expect(layers.get('inception_branch_b3.concat')).toBe(side)
      side = ceilPool(side, 3)
      expect(layers.get('inception_branch_e4.concat')).toBe(side)
      side = ceilPool(side, variant === 'paper' ? 3 : 2)
      expect(layers.get('inception_branch_b5.concat')).toBe(side)
      expect([layers.get('aux_fc1.conv.0'), layers.get('avgpool5')]).toEqual([4, 1])
      expect(countOf(trace(define(variant, { imageSize })))).toBe(base)
    }
  })

  it('takes any count of classes and channels', () => {
    const base = countOf(trace(define(variant)))
    expect(countOf(trace(define(variant, { classes: 3 }))) - base).toBe(3 * (3 - 1000) * 1025)
    expect(countOf(trace(define(variant, { channels: 5 }))) - base).toBe(2 * 64 * 49)
  })

  it('drops values before the classifier and in the auxiliary heads', () => {
    const dropped = define(variant).layers.filter(({ kind }) => kind === 'dropout')
    expect(dropped).toMatchObject([
      { name: 'dropout', probability: variant === 'paper' ? 0.4 : 0.2 },
      { name: 'aux_fc1.fc.2', probability: 0.7 },
      { name: 'aux_fc2.fc.2', probability: 0.7 },
    ])
    const none = define(variant, { dropout: 0, aux: false }).layers
    expect(none.filter(({ kind }) => kind === 'dropout')).toEqual([])
  })
})

describe('images', () => {
  it("of paper are BGR less Caffe's mean, in 0 to 255; of other channels less the middle", () => {
    const { mean, std, bgr } = define('paper').input
    expect(bgr).toBe(true)
    const values = [0, 104, 255].flatMap((pixel) => mean.map((m, c) => (pixel / 255 - m) / std[c]!))
    const expected = [0, 104, 255].flatMap((pixel) => [104, 117, 123].map((m) => pixel - m))
    for (const [i, value] of values.entries()) expect(value).toBeCloseTo(expected[i]!, 10)
    expect(define('paper', { channels: 1 }).input).toMatchObject({ mean: [0.5], std: [1 / 255] })
    expect(define('paper', { channels: 1 }).input.bgr).toBeUndefined()
  })

  it('of torchvision go from -1 to 1', () => {
    expect(define('torchvision').input).toMatchObject({ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] })
    expect(define('torchvision', { channels: 2 }).input.mean).toEqual([0.5, 0.5])
  })
})

it('paper normalises after the first pool and the third convolution, and nowhere else', () => {
  const layers = define('paper').layers
  expect(layers.filter(({ kind }) => kind === 'lrn')).toMatchObject([
    { name: 'stem_conv.3', input: 'stem_conv.2', size: 5, alpha: 1e-4, beta: 0.75, k: 1 },
    { name: 'stem_conv.8', input: 'stem_conv.7', size: 5, alpha: 1e-4, beta: 0.75, k: 1 },
  ])
  expect(layers.some(({ kind }) => kind === 'batchNorm')).toBe(false)
})

it('torchvision has BatchNorms of 1e-3, convolutions without bias and no 5x5', () => {
  const layers = define('torchvision').layers
  const norms = layers.filter((layer) => layer.kind === 'batchNorm')
  const convolutions = layers.filter((layer) => layer.kind === 'convolution')
  expect(norms).toHaveLength(convolutions.length)
  expect(new Set(norms.map(({ epsilon }) => epsilon))).toEqual(new Set([1e-3]))
  expect(convolutions.some(({ bias }) => bias)).toBe(false)
  expect(new Set(convolutions.map(({ kernel }) => kernel))).toEqual(new Set([7, 1, 3]))
})
