import { describe, expect, it } from 'vitest'
import type { LayerDefinition } from '../../binding.js'
import type { Shape, Unplaced } from '../../lib/models/layer.js'
import {
  adaptiveAveragePool,
  averagePool,
  averagePoolTo,
  batchNorm,
  concat,
  convolution,
  dropout,
  globalAveragePool,
  linear,
  lrn,
  maxPool,
  relu,
} from '../../lib/models/layers/index.js'
import { place, trace } from '../../lib/models/shapes.js'

const image: Shape = { channels: 3, height: 9, width: 14 }

function placed(layer: Unplaced, input: Shape = image) {
  return place({ ...layer, name: 'layer', input: 'input' } as LayerDefinition, new Map([['input', input]]))
}

/** Positions of a window that slides over a padded side, one by one. */
function positions(side: number, kernel: number, stride: number, padding: number): number {
  let count = 0
  for (let at = -padding; at + kernel <= side + padding; at += stride) count++
  return count
}

/** The same until the padded side is covered, each position in the side or before it. */
function ceilPositions(side: number, kernel: number, stride: number, padding: number): number {
  let count = 0
  for (let at = -padding; at < side; at += stride) {
    count++
    if (at + kernel >= side + padding) break
  }
  return count
}

const windows = [1, 2, 3, 5, 7].flatMap((kernel) =>
  [1, 2, 3].flatMap((stride) =>
    [...Array(kernel).keys()].map((padding) => ({ kernel, stride, padding }) as const),
  ),
)

describe('windows', () => {
  it('of ceil max pools go on until they cover the side', () => {
    for (const window of windows) {
      const { kernel, stride, padding } = window
      for (const side of [3, 4, 9, 14]) {
        if (side + 2 * padding < kernel - stride + 1) continue
        const { output } = placed(maxPool({ ...window, ceil: true }), { channels: 1, height: side, width: 9 })
        expect([window, side, output.height]).toEqual([
          window,
          side,
          ceilPositions(side, kernel, stride, padding),
        ])
      }
    }
  })

  it('yield one output for each place where the window fits', () => {
    for (const window of windows) {
      const { kernel, stride, padding } = window
      const { output } = placed(convolution(8, window))
      const { output: pooled } = placed(maxPool(window))
      const height = positions(9, kernel, stride, padding)
      const width = positions(14, kernel, stride, padding)
      expect(output).toEqual({ channels: 8, height, width })
      expect(pooled).toEqual({ channels: 3, height, width })
    }
  })

  it('that do not fit are refused with the layer and the input named', () => {
    expect(() => placed(convolution(8, { kernel: 10 }))).toThrowError(
      expect.objectContaining({
        code: 'ERR_GOOGLENET_SHAPE',
        message: 'layer "layer": its window of 10 does not fit the input 3x9x14',
      }),
    )
  })
})

describe('counts', () => {
  it('of a convolution: each output value is a product over the window and all input channels', () => {
    const { parameters, macs, output } = placed(convolution(8, { kernel: 5, stride: 2, padding: 1 }))
    expect(parameters).toEqual([
      { name: 'layer.weight', shape: [8, 3, 5, 5], trainable: true },
      { name: 'layer.bias', shape: [8], trainable: true },
    ])
    expect(macs).toBe(output.channels * output.height * output.width * (3 * 5 * 5))
    expect(placed(convolution(8, { kernel: 5, bias: false })).parameters).toHaveLength(1)
  })

  it('of a linear layer: its input is flattened', () => {
    const { parameters, macs, output } = placed(linear(10))
    expect(output).toEqual({ channels: 10, height: 1, width: 1 })
    expect(parameters.map(({ shape }) => shape)).toEqual([[10, 3 * 9 * 14], [10]])
    expect(macs).toBe(10 * 3 * 9 * 14)
    expect(placed(linear(10, { bias: false })).parameters).toHaveLength(1)
  })

  it('of BatchNorm: the running statistics are not trained', () => {
    const { parameters, output } = placed(batchNorm())
    expect(output).toEqual(image)
    expect(parameters.map(({ name, trainable }) => [name, trainable])).toEqual([
      ['layer.weight', true],
      ['layer.bias', true],
      ['layer.running_mean', false],
      ['layer.running_var', false],
    ])
  })

  it.each([
    ['relu', relu()],
    ['dropout', dropout(0.4)],
  ])('of %s: nothing, and the shape stays', (_, layer) => {
    expect(placed(layer)).toMatchObject({ output: image, parameters: [], macs: 0 })
  })
})

describe('concat', () => {
  const inputs = ['a', 'b', 'c']
  const join = (...shapes: Shape[]) =>
    place({ ...concat(), name: 'joined', inputs }, new Map(shapes.map((shape, i) => [inputs[i]!, shape])))

  it('adds up the channels', () => {
    expect(join(image, { ...image, channels: 5 }, { ...image, channels: 1 }).output).toEqual({
      ...image,
      channels: 9,
    })
  })

  it('refuses inputs of different sizes', () => {
    expect(() => join(image, { ...image, height: 8 }, image)).toThrowError(
      expect.objectContaining({
        code: 'ERR_GOOGLENET_SHAPE',
        message: expect.stringContaining('cannot join 3x9x14 and 3x8x14'),
      }),
    )
  })
})

describe('average pools', () => {
  it('adapt to any side: the windows begin and end with the map and leave out nothing', () => {
    for (let cells = 1; cells <= 7; cells++) {
      for (let side = cells; side <= 64; side++) {
        const layer = averagePoolTo(side, cells)
        expect(placed(layer, { channels: 1, height: side, width: side }).output.height).toBe(cells)
        expect((cells - 1) * layer.stride + layer.kernel).toBe(side)
        expect(layer.kernel).toBeGreaterThanOrEqual(layer.stride)
      }
    }
  })

  it("are the paper's 5x5/3 at 14 and its 7x7 at 7", () => {
    expect(averagePoolTo(14, 4)).toMatchObject({ kernel: 5, stride: 3 })
    expect(globalAveragePool(7)).toMatchObject({ kernel: 7 })
  })
})

describe('wrong figures', () => {
  it.each<[string, Unplaced]>([
    ['outChannels', convolution(0, { kernel: 1 })],
    ['outChannels', convolution(1.5, { kernel: 1 })],
    ['kernel', convolution(1, { kernel: 0 })],
    ['stride', convolution(1, { kernel: 1, stride: 0 })],
    ['padding', convolution(1, { kernel: 3, padding: 3 })],
    ['padding', convolution(1, { kernel: 3, padding: -1 })],
    ['kernel', maxPool({ kernel: 16, stride: 1, padding: 8 })],
    ['stride', averagePool({ kernel: 2, stride: Number.NaN })],
    ['size', adaptiveAveragePool(0)],
    ['size', lrn({ size: 2.5 })],
    ['alpha', lrn({ alpha: -1 })],
    ['beta', lrn({ beta: Number.NaN })],
    ['k', lrn({ k: 0 })],
    ['outFeatures', linear(-1)],
    ['probability', dropout(1)],
    ['probability', dropout(Number.NaN)],
    ['epsilon', batchNorm({ epsilon: 0 })],
    ['momentum', batchNorm({ momentum: 2 })],
  ])('are refused: %s of %o', (figure, layer) => {
    expect(() => placed(layer)).toThrowError(
      expect.objectContaining({
        code: 'ERR_GOOGLENET_OPTION',
        message: expect.stringContaining(`layer "layer": ${figure} must be`),
      }),
    )
  })
})

describe('a network', () => {
  const input = { ...image, mean: [0, 0, 0], std: [1, 1, 1] }
  const first: LayerDefinition = { ...relu(), name: 'first', input: 'input' }

  it.each<[string, LayerDefinition[]]>([
    ['its input "second" is not defined before it', [first, { ...relu(), name: 'third', input: 'second' }]],
    ['its name is used twice', [first, first]],
    ['its name is used twice', [{ ...first, name: 'input' }]],
    ['it has no input', [{ ...concat(), name: 'none', inputs: [] }]],
  ])('is refused when of one layer %s', (reason, layers) => {
    expect(() => trace({ input, layers, heads: [] })).toThrowError(
      expect.objectContaining({ code: 'ERR_GOOGLENET_SHAPE', message: expect.stringContaining(reason) }),
    )
  })
})
