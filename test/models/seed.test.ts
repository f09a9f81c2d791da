import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { VariantOptions } from '../../lib/models/body.js'
import { seed } from '../../lib/models/seed.js'
import { type TracedLayer, trace } from '../../lib/models/shapes.js'
import { elementCount } from '../../lib/tensors.js'

const defaults: VariantOptions = {
  classes: 1000,
  channels: 3,
  imageSize: 224,
  reduction4d: 114,
  aux: true,
  auxDropout: 0.5,
  dropout: 0,
}
const define = (options: Partial<VariantOptions> = {}) => seed({ ...defaults, ...options })
const tensorsOf = (layers: TracedLayer[]) => layers.flatMap(({ parameters }) => parameters)
const parametersOf = (options: Partial<VariantOptions>) =>
  tensorsOf(trace(define(options)))
    .filter(({ trainable }) => trainable)
    .reduce((sum, { shape }) => sum + elementCount(shape), 0)

describe('the variant seed', () => {
  it("has the names and shapes of the PyTorch listing's state dict", () => {
    const pytorch = readFileSync(new URL('fixtures/state-dict.txt', import.meta.url), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([name]) => !name!.endsWith('num_batches_tracked'))
      .map(([name, ...shape]) => ({ name, shape: shape.map(Number) }))
    const ours = tensorsOf(trace(define())).map(({ name, shape }) => ({ name, shape }))
    expect(ours).toEqual(pytorch)
  })

  it("has PyTorch's parameter counts", () => {
    expect(parametersOf({})).toBe(13_295_854)
    expect(parametersOf({ aux: false })).toBe(6_915_614)
    expect(parametersOf({ reduction4d: 144 })).toBe(13_389_064)
  })

  it('grows with its options as the layers that they touch do', () => {
    const base = parametersOf({})
    expect(parametersOf({ classes: 10 }) - base).toBe(3 * (10 - 1000) * (1024 + 1))
    expect(parametersOf({ classes: 1, aux: false })).toBe(6_915_614 - 999 * 1025)
    expect(parametersOf({ channels: 1 }) - base).toBe(-2 * 64 * 7 * 7)
    // 1x1 from 512, its bias, BatchNorm's two; 3x3 to 288.
    expect(parametersOf({ reduction4d: 115 }) - base).toBe(512 + 1 + 2 + 9 * 288)
  })

  it('takes images of any size from 64 up: each halving rounds up, the heads see 1x1 and 4x4', () => {
    const base = parametersOf({})
    for (let imageSize = 64; imageSize <= 320; imageSize++) {
      const layers = new Map(trace(define({ imageSize })).map((traced) => [traced.layer.name, traced]))
      const side = (name: string) => {
        const { height, width } = layers.get(name)!.output
        expect(height).toBe(width)
        return height
      }
      const halved = (times: number) => Math.ceil(imageSize / 2 ** times)
      expect(side('stem_conv.0')).toBe(halved(1))
      expect(side('stem_conv.3')).toBe(halved(2))
      expect(side('stem_conv.7')).toBe(halved(3))
      expect(side('inception_branch_b3.concat')).toBe(halved(3))
      expect(side('inception_branch_a4.concat')).toBe(halved(4))
      expect(side('inception_branch_e4.concat')).toBe(halved(4))
      expect(side('inception_branch_b5.concat')).toBe(halved(5))
      expect(side('avgpool5')).toBe(1)
      expect(side('aux_fc1.conv.0')).toBe(4)
      expect(side('aux_fc2.conv.0')).toBe(4)
      expect(parametersOf({ imageSize })).toBe(base)
    }
  })

  it("joins each module's branches to the widths of table 1", () => {
    const layers = trace(define({ imageSize: 64 }))
    const widths = layers.filter(({ layer }) => layer.kind === 'concat').map(({ output }) => output.channels)
    expect(widths).toEqual([256, 480, 512, 512, 512, 528, 832, 832, 1024])
  })

  it('is trained on the main output and 0.3 of each auxiliary one', () => {
    expect(define().heads).toEqual([
      { layer: 'fc', lossWeight: 1 },
      { layer: 'aux_fc1.fc.3', lossWeight: 0.3 },
      { layer: 'aux_fc2.fc.3', lossWeight: 0.3 },
    ])
    const without = define({ aux: false })
    expect(without.heads).toEqual([{ layer: 'fc', lossWeight: 1 }])
    expect(without.layers.some(({ name }) => name.startsWith('aux'))).toBe(false)
  })

  it('drops values in the auxiliary heads only', () => {
    const dropped = define({ auxDropout: 0.7 }).layers.filter(({ kind }) => kind === 'dropout')
    expect(dropped).toMatchObject([
      { name: 'aux_fc1.fc.2', probability: 0.7 },
      { name: 'aux_fc2.fc.2', probability: 0.7 },
    ])
  })

  it('reads 4a and 4d in its auxiliary heads', () => {
    const inputs = new Map(define().layers.map((layer) => [layer.name, 'input' in layer && layer.input]))
    expect(inputs.get('aux_fc1.conv.0')).toBe('inception_branch_a4.concat')
    expect(inputs.get('aux_fc2.conv.0')).toBe('inception_branch_d4.concat')
  })

  it("normalises RGB by ImageNet's statistics and other channels to -1 to 1", () => {
    expect(define().input).toMatchObject({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] })
    expect(define({ channels: 1 }).input).toMatchObject({ channels: 1, mean: [0.5], std: [0.5] })
    expect(define({ channels: 5 }).input.std).toEqual(Array(5).fill(0.5))
  })
})
