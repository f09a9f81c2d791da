import { describe, expect, it } from 'vitest'
import type { VariantOptions } from '../../lib/models/body.js'
import { formatSummary, summarize } from '../../lib/models/summary.js'

const options = {
  variant: 'seed',
  classes: 1000,
  channels: 3,
  imageSize: 224,
  reduction4d: 114,
  aux: true,
  auxDropout: 0.5,
  dropout: 0,
} as const
const summary = (changes: Partial<VariantOptions> = {}) => summarize({ ...options, ...changes })

/** [input, 1x1, 3x3 reduction, 3x3, 5x5 reduction, 5x5, pool projection, side at 224] of table 1's rows. */
const modules = [
  [192, 64, 96, 128, 16, 32, 32, 28],
  [256, 128, 128, 192, 32, 96, 64, 28],
  [480, 192, 96, 208, 16, 48, 64, 14],
  [512, 160, 112, 224, 24, 64, 64, 14],
  [512, 128, 128, 256, 24, 64, 64, 14],
  [512, 112, 114, 288, 32, 64, 64, 14],
  [528, 256, 160, 320, 32, 128, 128, 14],
  [832, 256, 160, 320, 32, 128, 128, 7],
  [832, 384, 192, 384, 48, 128, 128, 7],
] as const

const stemMacs = 112 ** 2 * 64 * 3 * 49 + 56 ** 2 * 192 * 64 * 9

describe('summary', () => {
  it('counts what PyTorch counts', () => {
    expect(summary().parameters).toBe(13_295_854)
    expect(summary().inference.parameters).toBe(6_915_614)
    expect(summary({ aux: false }).parameters).toBe(6_915_614)
    expect(summary({ reduction4d: 144 }).parameters).toBe(13_389_064)
  })

  it('adds up its layers', () => {
    const { layers, parameters, macs } = summary()
    expect(layers.reduce((sum, layer) => sum + layer.parameters, 0)).toBe(parameters)
    expect(layers.reduce((sum, layer) => sum + layer.macs, 0)).toBe(macs)
  })

  it("counts the multiply-accumulates of table 1's rows", () => {
    const rows = modules.map(([input, a, b, c, d, e, f, side]) => {
      const products = input * (a + b + d + f) + b * c * 9 + d * e * 25
      return products * side * side
    })
    const { layers, inference } = summary()
    const names = ['a3', 'b3', 'a4', 'b4', 'c4', 'd4', 'e4', 'a5', 'b5']
    const found = names.map((name) =>
      layers
        .filter((layer) => layer.name.startsWith(`inception_branch_${name}.`))
        .reduce((sum, layer) => sum + layer.macs, 0),
    )
    expect(found).toEqual(rows)
    expect(inference.macs).toBe(rows.reduce((a, b) => a + b, stemMacs) + 1024 * 1000)
  })

  it('gives each layer its shape', () => {
    const { input, layers } = summary({ channels: 1, imageSize: 96, classes: 10 })
    expect(input).toEqual([1, 96, 96])
    expect(layers[0]).toEqual({
      name: 'stem_conv.0',
      kind: 'convolution',
      operation: 'convolution 7x7/2',
      output: [64, 48, 48],
      parameters: 64 * 49 + 64,
      macs: 48 * 48 * 64 * 49,
    })
    expect(layers.find(({ name }) => name === 'fc')).toMatchObject({ output: [10, 1, 1], parameters: 10_250 })
  })

  it('compares with AlexNet and VGG-16 as published', () => {
    const [alexNet, vgg16] = summary().comparisons.slice(-2)
    expect(alexNet).toMatchObject({ parameters: 61_100_840 })
    expect(vgg16).toMatchObject({ parameters: 138_357_544 })
    expect(vgg16!.macs / 1e9).toBeCloseTo(15.47, 2) // as torchvision states for vgg16
    expect(alexNet!.macs / 1e9).toBeCloseTo(0.71, 2) // and for alexnet
  })

  it('compares with the other variants as published', () => {
    const [, paper, torchvision] = summary().comparisons
    expect(paper).toMatchObject({ name: expect.stringContaining('paper'), parameters: 6_998_552 })
    expect(torchvision).toMatchObject({ name: expect.stringContaining('torchvision'), parameters: 6_624_904 })
    expect(torchvision!.macs / 1e9).toBeCloseTo(1.498, 3) // as torchvision states
    const names = summarize({ ...options, variant: 'paper' }).comparisons.map(({ name }) => name)
    expect(names.filter((name) => name.startsWith('the variant'))).toHaveLength(2)
  })

  it('compares with modules that have no reductions, whose pool passes on every channel', () => {
    let input = 192
    let parameters = (3 * 49 + 3) * 64 + (64 * 9 + 3) * 192
    let macs = stemMacs
    for (const [, n1x1, , n3x3, , n5x5, , side] of modules) {
      const products = input * (n1x1 + n3x3 * 9 + n5x5 * 25)
      parameters += products + 3 * (n1x1 + n3x3 + n5x5) // bias, and BatchNorm's two
      macs += products * side * side
      input += n1x1 + n3x3 + n5x5
    }
    const [naive] = summary({ aux: false }).comparisons
    expect(naive).toMatchObject({
      parameters: parameters + (input + 1) * 1000,
      macs: macs + input * 1000,
    })
    expect(naive!.macs).toBeGreaterThan(5 * summary().inference.macs)
  })
})

describe('formatSummary', () => {
  it('prints every layer, the totals and the comparisons', () => {
    const counted = summary()
    const text = formatSummary(counted)
    for (const { name, output } of counted.layers) {
      expect(text).toMatch(new RegExp(`^${name.replaceAll('.', '\\.')} .* ${output.join('x')} `, 'm'))
    }
    expect(text).toMatch(/^this network +13,295,854 +1,559,947,520$/m)
    expect(text).toMatch(/^without its auxiliary heads +6,915,614 /m)
    expect(text).toMatch(/^AlexNet.* 61,100,840 /m)
    expect(text).toMatch(/^VGG-16.* 138,357,544 /m)
  })

  it('has no line for auxiliary heads where there are none', () => {
    expect(formatSummary(summary({ aux: false }))).not.toContain('auxiliary')
  })
})
