import type { NetworkBuilder, Output } from './builder.js'
import type { Unplaced } from './layer.js'
import { batchNorm, concat, convolution, dropout, linear, maxPool, relu } from './layers/index.js'

/** A convolution with what follows it, ReLU at the end. The padding keeps the size at stride 1. */
export type ConvBlock = (outChannels: number, kernel: number, stride?: number) => Unplaced[]

/** Convolution, BatchNorm, ReLU. */
export const normalised =
  (options: { bias: boolean; epsilon: number }): ConvBlock =>
  (outChannels, kernel, stride = 1) => {
    const padding = Math.floor(kernel / 2)
    const { bias, epsilon } = options
    return [convolution(outChannels, { kernel, stride, padding, bias }), batchNorm({ epsilon }), relu()]
  }

/** Convolution, ReLU. */
export const plain: ConvBlock = (outChannels, kernel, stride = 1) => [
  convolution(outChannels, { kernel, stride, padding: Math.floor(kernel / 2) }),
  relu(),
]

/** The 3x3 max pool that halves height and width. */
export const halve = () => maxPool({ kernel: 3, stride: 2, padding: 1 })

/** The max pool without padding that halves them, rounding up. */
export const halveUp = (kernel: 2 | 3) => maxPool({ kernel, stride: 2, ceil: true })

/** The 3x3 max pool inside a module, which keeps them. */
const poolInPlace = () => maxPool({ kernel: 3, stride: 1, padding: 1 })

/** Output channels: 1x1, reduction to 3x3, 3x3, reduction to 5x5, 5x5, projection of the pool. */
export type InceptionWidths = readonly [
  n1x1: number,
  reduce3x3: number,
  n3x3: number,
  reduce5x5: number,
  n5x5: number,
  poolProjection: number,
]

/** What modules are made of. */
export interface InceptionParts {
  block: ConvBlock
  /** Window of the branch that is the paper's 5x5. */
  widest: 3 | 5
}

/** Builds an inception module under a name. */
export type InceptionModule = (
  net: NetworkBuilder,
  name: string,
  from: Output,
  widths: InceptionWidths,
  parts: InceptionParts,
) => Output

/** Four branches side by side; 1x1 convolutions make the input narrow before the large windows (figure 2b). */
export const inception: InceptionModule = (net, name, from, widths, { block, widest }) => {
  const [n1x1, reduce3x3, n3x3, reduce5x5, n5x5, poolProjection] = widths
  const branches = [
    net.sequential(`${name}.branch1`, from, block(n1x1, 1)),
    net.sequential(`${name}.branch2`, from, [...block(reduce3x3, 1), ...block(n3x3, 3)]),
    net.sequential(`${name}.branch3`, from, [...block(reduce5x5, 1), ...block(n5x5, widest)]),
    net.sequential(`${name}.branch4`, from, [poolInPlace(), ...block(poolProjection, 1)]),
  ]
  return net.add(`${name}.concat`, branches, concat())
}

/** The module without its 1x1 reductions (figure 2a): every branch reads, and the pool passes on, all channels. */
export const naiveInception: InceptionModule = (net, name, from, widths, { block, widest }) => {
  const [n1x1, , n3x3, , n5x5] = widths
  const branches = [
    net.sequential(`${name}.branch1`, from, block(n1x1, 1)),
    net.sequential(`${name}.branch2`, from, block(n3x3, 3)),
    net.sequential(`${name}.branch3`, from, block(n5x5, widest)),
    net.sequential(`${name}.branch4`, from, [poolInPlace()]),
  ]
  return net.add(`${name}.concat`, branches, concat())
}

/** A classifier on features half-way: 4x4 cells of 128 channels, two linear layers. Returns the logits. */
export function auxiliaryHead(
  net: NetworkBuilder,
  name: string,
  from: Output,
  options: { classes: number; auxDropout: number; pool: Unplaced; block: ConvBlock },
): Output {
  const cells = net.sequential(`${name}.conv`, from, [options.pool, ...options.block(128, 1)])
  return net.sequential(`${name}.fc`, cells, [
    linear(1024),
    relu(),
    dropout(options.auxDropout),
    linear(options.classes),
  ])
}
