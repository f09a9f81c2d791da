/**
 * Every kind of layer, forward and backward, in float64 and plain loops, written from the definitions (as PyTorch's
 * documentation gives them) and for reading: the measure of what the backends compute.
 */
import type { LayerDefinition } from '../../binding.js'
import type { Kind, LayerOf } from '../../lib/models/layer.js'
import { at, eachElement, type Volume, zeros, zerosLike } from './volume.js'

/** By the last part of the parameter's name: `weight`, `bias`, `running_mean`, `running_var`. */
export type Parameters = Readonly<Record<string, Float64Array>>

export interface Run {
  output: Volume
  /** From the gradient at the output to those at the inputs and of the parameters. */
  backward(gradient: Volume): { inputs: Volume[]; parameters: Record<string, Float64Array> }
  /** Running statistics after a pass in training mode. */
  running?: Record<string, Float64Array>
  /** The least distance from a kink, where the derivative jumps. */
  margin?: number
}

type Rule<K extends Kind> = (
  layer: LayerOf<K>,
  inputs: readonly Volume[],
  parameters: Parameters,
  training: boolean,
) => Run

export function runLayer(
  layer: LayerDefinition,
  inputs: readonly Volume[],
  parameters: Parameters,
  training: boolean,
): Run {
  const rule = rules[layer.kind] as Rule<Kind>
  return rule(layer, inputs, parameters, training)
}

const rules: { [K in Kind]: Rule<K> } = {
  convolution,
  batchNorm,
  relu,
  lrn,
  maxPool,
  averagePool,
  adaptiveAveragePool,
  concat,
  linear,
  dropout,
}

/** With `ceil` as many windows as begin before the end of the input and are needed to cover it and its padding. */
function windowSide(
  side: number,
  { kernel, stride, padding, ceil }: { kernel: number; stride: number; padding: number; ceil?: boolean },
): number {
  let windows = Math.floor((side + 2 * padding - kernel) / stride) + 1
  const covered = () => (windows - 1) * stride + kernel
  if (ceil && covered() < side + 2 * padding && windows * stride < side + padding) windows++
  return windows
}

/** Calls `visit` with the pixels under the window of an output pixel, padding left out, row by row. */
function eachUnder(
  layer: { kernel: number; stride: number; padding: number },
  [, , height, width]: Volume['shape'],
  oy: number,
  ox: number,
  visit: (y: number, x: number, ky: number, kx: number) => void,
): void {
  for (let ky = 0; ky < layer.kernel; ky++)
    for (let kx = 0; kx < layer.kernel; kx++) {
      const [y, x] = [oy * layer.stride - layer.padding + ky, ox * layer.stride - layer.padding + kx]
      if (y >= 0 && y < height && x >= 0 && x < width) visit(y, x, ky, kx)
    }
}

function convolution(
  layer: LayerOf<'convolution'>,
  [input]: readonly Volume[],
  { weight, bias }: Parameters,
): Run {
  const { shape, data } = input!
  const [batch, channels, height, width] = shape
  const { kernel, outChannels } = layer
  const output = zeros([batch, outChannels, windowSide(height, layer), windowSide(width, layer)])
  /** Calls `visit` with each output and, of every product in it, the places of input and weight. */
  const eachProduct = (visit: (out: number, input: number, weight: number) => void) =>
    eachElement(output.shape, (n, o, oy, ox, out) =>
      eachUnder(layer, shape, oy, ox, (y, x, ky, kx) => {
        for (let c = 0; c < channels; c++) {
          const i = ((n * channels + c) * height + y) * width + x
          visit(out, i, ((o * channels + c) * kernel + ky) * kernel + kx)
        }
      }),
    )
  if (bias) {
    eachElement(output.shape, (_n, o, _y, _x, out) => {
      output.data[out] = bias[o]!
    })
  }
  eachProduct((out, i, w) => {
    output.data[out]! += data[i]! * weight![w]!
  })
  return {
    output,
    backward(gradient) {
      const [dx, dw] = [zeros(shape), zerosLike(weight!)]
      eachProduct((out, i, w) => {
        dx.data[i]! += gradient.data[out]! * weight![w]!
        dw[w]! += gradient.data[out]! * data[i]!
      })
      return { inputs: [dx], parameters: { weight: dw, ...(bias && { bias: channelSums(gradient) }) } }
    },
  }
}

function channelSums({ shape, data }: Volume): Float64Array {
  const sums = new Float64Array(shape[1])
  eachElement(shape, (_n, c, _y, _x, i) => {
    sums[c]! += data[i]!
  })
  return sums
}

function batchNorm(
  layer: LayerOf<'batchNorm'>,
  [input]: readonly Volume[],
  { weight, bias, running_mean, running_var }: Parameters,
  training: boolean,
): Run {
  const { shape, data } = input!
  const count = data.length / shape[1]
  const mean = training ? channelSums(input!).map((sum) => sum / count) : running_mean!
  const centred: Volume = { shape, data: zerosLike(data) }
  eachElement(shape, (_n, c, _y, _x, i) => {
    centred.data[i] = data[i]! - mean[c]!
  })
  const squares: Volume = { shape, data: centred.data.map((x) => x * x) }
  const variance = training ? channelSums(squares).map((sum) => sum / count) : running_var!
  const normalised: Volume = { shape, data: zerosLike(data) }
  const output = zeros(shape)
  eachElement(shape, (_n, c, _y, _x, i) => {
    normalised.data[i] = centred.data[i]! / Math.sqrt(variance[c]! + layer.epsilon)
    output.data[i] = weight![c]! * normalised.data[i]! + bias![c]!
  })
  const moved = (old: Float64Array, found: Float64Array) =>
    old.map((value, c) => (1 - layer.momentum) * value + layer.momentum * found[c]!)
  return {
    output,
    ...(training && {
      running: {
        running_mean: moved(running_mean!, mean),
        running_var: moved(
          running_var!,
          variance.map((v) => (v * count) / (count - 1)),
        ),
      },
    }),
    backward(gradient) {
      const products: Volume = { shape, data: gradient.data.map((g, i) => g * normalised.data[i]!) }
      const [dBias, dWeight] = [channelSums(gradient), channelSums(products)]
      const dx = zeros(shape)
      eachElement(shape, (_n, c, _y, _x, i) => {
        // What the batch's own mean and variance take away.
        const taken = (dBias[c]! + normalised.data[i]! * dWeight[c]!) / count
        const scale = weight![c]! / Math.sqrt(variance[c]! + layer.epsilon)
        dx.data[i] = scale * (gradient.data[i]! - (training ? taken : 0))
      })
      return { inputs: [dx], parameters: { weight: dWeight, bias: dBias } }
    },
  }
}

function relu(_layer: LayerOf<'relu'>, [input]: readonly Volume[]): Run {
  const { shape, data } = input!
  let margin = Number.POSITIVE_INFINITY
  for (const x of data) if (x !== 0) margin = Math.min(margin, Math.abs(x))
  return {
    output: { shape, data: data.map((x) => Math.max(x, 0)) },
    margin,
    backward: (gradient) => ({
      inputs: [{ shape, data: gradient.data.map((g, i) => (data[i]! > 0 ? g : 0)) }],
      parameters: {},
    }),
  }
}

function lrn({ size, alpha, beta, k }: LayerOf<'lrn'>, [input]: readonly Volume[]): Run {
  const { shape, data } = input!
  const first = (c: number) => c - Math.floor(size / 2)
  /** Calls `visit` with each element and every one in its window. */
  const eachPair = (visit: (i: number, j: number) => void) =>
    eachElement(shape, (n, c, y, x, i) => {
      const last = Math.min(first(c) + size, shape[1])
      for (let other = Math.max(first(c), 0); other < last; other++) visit(i, at(shape, n, other, y, x))
    })
  const scales = zerosLike(data).fill(k)
  eachPair((i, j) => {
    scales[i]! += (alpha / size) * data[j]! ** 2
  })
  return {
    output: { shape, data: data.map((x, i) => x * scales[i]! ** -beta) },
    backward(gradient) {
      const dx = zeros(shape)
      for (const [i, scale] of scales.entries()) dx.data[i] = gradient.data[i]! * scale ** -beta
      eachPair((i, j) => {
        const slope = ((-2 * alpha * beta) / size) * data[j]! * scales[i]! ** (-beta - 1)
        dx.data[j]! += gradient.data[i]! * data[i]! * slope
      })
      return { inputs: [dx], parameters: {} }
    },
  }
}

/** Of equal values the first, row by row, is the maximum. */
function maxPool(layer: LayerOf<'maxPool'>, [input]: readonly Volume[]): Run {
  const { shape, data } = input!
  const output = zeros([shape[0], shape[1], windowSide(shape[2], layer), windowSide(shape[3], layer)])
  const winners = new Int32Array(output.data.length)
  let margin = Number.POSITIVE_INFINITY
  eachElement(output.shape, (n, c, oy, ox, out) => {
    const under: number[] = []
    eachUnder(layer, shape, oy, ox, (y, x) => under.push(at(shape, n, c, y, x)))
    const first = under.reduce((best, i) => (data[i]! > data[best]! ? i : best))
    for (const i of under) if (data[i]! < data[first]!) margin = Math.min(margin, data[first]! - data[i]!)
    winners[out] = first
    output.data[out] = data[first]!
  })
  return {
    output,
    margin,
    backward(gradient) {
      const dx = zeros(shape)
      for (const [out, winner] of winners.entries()) dx.data[winner]! += gradient.data[out]!
      return { inputs: [dx], parameters: {} }
    },
  }
}

function averagePool(layer: LayerOf<'averagePool'>, [input]: readonly Volume[]): Run {
  const { shape } = input!
  const sides = [windowSide(shape[2], layer), windowSide(shape[3], layer)] as const
  const span = (window: number) => [window * layer.stride, window * layer.stride + layer.kernel] as const
  return means(input!, sides, span, span)
}

function adaptiveAveragePool({ size }: LayerOf<'adaptiveAveragePool'>, [input]: readonly Volume[]): Run {
  const spanOf = (side: number) => (window: number) =>
    [Math.floor((window * side) / size), Math.ceil(((window + 1) * side) / size)] as const
  const [, , height, width] = input!.shape
  return means(input!, [size, size], spanOf(height), spanOf(width))
}

/** The mean of each window, whose rows and columns are spans. */
function means(
  { shape, data }: Volume,
  sides: readonly [number, number],
  rows: (window: number) => readonly [number, number],
  columns: (window: number) => readonly [number, number],
): Run {
  const output = zeros([shape[0], shape[1], ...sides])
  const eachShare = (visit: (out: number, input: number, share: number) => void) =>
    eachElement(output.shape, (n, c, oy, ox, out) => {
      const [[top, bottom], [left, right]] = [rows(oy), columns(ox)]
      const share = 1 / ((bottom - top) * (right - left))
      for (let y = top; y < bottom; y++)
        for (let x = left; x < right; x++) visit(out, at(shape, n, c, y, x), share)
    })
  eachShare((out, i, share) => {
    output.data[out]! += share * data[i]!
  })
  return {
    output,
    backward(gradient) {
      const dx = zeros(shape)
      eachShare((out, i, share) => {
        dx.data[i]! += share * gradient.data[out]!
      })
      return { inputs: [dx], parameters: {} }
    },
  }
}

function concat(_layer: LayerOf<'concat'>, inputs: readonly Volume[]): Run {
  const [batch, , height, width] = inputs[0]!.shape
  const channels = inputs.reduce((sum, { shape }) => sum + shape[1], 0)
  const output = zeros([batch, channels, height, width])
  /** Calls `visit` with each element's input, its place there and its place in the output. */
  const eachPlace = (visit: (input: number, inner: number, outer: number) => void) => {
    let first = 0
    for (const [input, { shape }] of inputs.entries()) {
      const offset = first
      eachElement(shape, (n, c, y, x, i) => visit(input, i, at(output.shape, n, offset + c, y, x)))
      first += shape[1]
    }
  }
  eachPlace((input, inner, outer) => {
    output.data[outer] = inputs[input]!.data[inner]!
  })
  return {
    output,
    backward(gradient) {
      const parts = inputs.map(({ shape }) => zeros(shape))
      eachPlace((input, inner, outer) => {
        parts[input]!.data[inner] = gradient.data[outer]!
      })
      return { inputs: parts, parameters: {} }
    },
  }
}

function linear(layer: LayerOf<'linear'>, [input]: readonly Volume[], { weight, bias }: Parameters): Run {
  const { shape, data } = input!
  const features = data.length / shape[0]
  const output = zeros([shape[0], layer.outFeatures, 1, 1])
  eachElement(output.shape, (n, o, _y, _x, out) => {
    let sum = bias ? bias[o]! : 0
    for (let i = 0; i < features; i++) sum += data[n * features + i]! * weight![o * features + i]!
    output.data[out] = sum
  })
  return {
    output,
    backward(gradient) {
      const [dx, dw] = [zeros(shape), zerosLike(weight!)]
      eachElement(output.shape, (n, o, _y, _x, out) => {
        for (let i = 0; i < features; i++) {
          dx.data[n * features + i]! += gradient.data[out]! * weight![o * features + i]!
          dw[o * features + i]! += gradient.data[out]! * data[n * features + i]!
        }
      })
      return { inputs: [dx], parameters: { weight: dw, ...(bias && { bias: channelSums(gradient) }) } }
    },
  }
}

function dropout(
  layer: LayerOf<'dropout'>,
  [input]: readonly Volume[],
  _: Parameters,
  training: boolean,
): Run {
  if (training && layer.probability > 0) throw new Error('the reference does not know what a backend drops')
  return { output: input!, backward: (gradient) => ({ inputs: [gradient], parameters: {} }) }
}
