import type { NetworkBuilder, Output } from './builder.js'
import type { Unplaced } from './layer.js'
import {
  averagePoolTo,
  batchNorm,
  concat,
  convolution,
  dropout,
  linear,
  maxPool,
  relu,
} from './layers/index.js'

/** Convolution, BatchNorm, ReLU: the padding keeps the size at stride 1. */
export function convBlock(outChannels: number, kernel: number, stride = 1): Unplaced[] {
  const padding = Math.floor(kernel / 2)
  return [convolution(outChannels, { kernel, stride, padding }), batchNorm(), relu()]
}

/** The 3x3 max pool that halves height and width. */
export const halve = () => maxPool({ kernel: 3, stride: 2, padding: 1 })

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

/** Builds an inception module under a name. */
export type InceptionModule = (
  net: NetworkBuilder,
  name: string,
  from: Output,
  widths: InceptionWidths,
) => Output

/** Four branches side by side; 1x1 convolutions make the input narrow before the large windows (figure 2b). */
export const inception: InceptionModule = (net, name, from, widths) => {
  const [n1x1, reduce3x3, n3x3, reduce5x5, n5x5, poolProjection] = widths
  const branches = [
    net.sequential(`${name}.branch1`, from, convBlock(n1x1, 1)),
    net.sequential(`${name}.branch2`, from, [...convBlock(reduce3x3, 1), ...convBlock(n3x3, 3)]),
    net.sequential(`${name}.branch3`, from, [...convBlock(reduce5x5, 1), ...convBlock(n5x5, 5)]),
    net.sequential(`${name}.branch4`, from, [poolInPlace(), ...convBlock(poolProjection, 1)]),
  ]
  return net.add(`${name}.concat`, branches, concat())
}

/** The module without its 1x1 reductions (figure 2a): every branch reads, and the pool passes on, all channels. */
export const naiveInception: InceptionModule = (net, name, from, widths) => {
  const [n1x1, , n3x3, , n5x5] = widths
  const branches = [
    net.sequential(`${name}.branch1`, from, convBlock(n1x1, 1)),
    net.sequential(`${name}.branch2`, from, convBlock(n3x3, 3)),
    net.sequential(`${name}.branch3`, from, convBlock(n5x5, 5)),
    net.sequential(`${name}.branch4`, from, [poolInPlace()]),
  ]
  return net.add(`${name}.concat`, branches, concat())
}

/** A classifier on features half-way: 4x4 cells of 128 channels, two linear layers. Returns the logits. */
export function auxiliaryHead(
  net: NetworkBuilder,
  name: string,
  from: Output,
  options: { classes: number; auxDropout: number },
): Output {
  const cells = net.sequential(`${name}.conv`, from, [averagePoolTo(from.height, 4), ...convBlock(128, 1)])
  return net.sequential(`${name}.fc`, cells, [
    linear(1024),
    relu(),
    dropout(options.auxDropout),
    linear(options.classes),
  ])
}
