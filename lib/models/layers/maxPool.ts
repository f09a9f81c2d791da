import {
  checkCount,
  type LayerOf,
  type LayerRules,
  noMacs,
  noParameters,
  slide,
  type Unplaced,
} from '../layer.js'

const largestKernel = 15 // a position in the window is kept in one byte for the backward pass

/** The largest value of each window; what lies beyond the edge never wins. */
export function maxPool(options: {
  kernel: number
  stride: number
  padding?: number
  /** The output's side is rounded up: a last window, clipped, where places are left over. */
  ceil?: boolean
}): Unplaced<'maxPool'> {
  return { kind: 'maxPool', padding: 0, ...options }
}

export const maxPoolRules: LayerRules<LayerOf<'maxPool'>> = {
  output(layer, [input]) {
    checkCount(layer, 'kernel', layer.kernel, 1, largestKernel)
    return { channels: input.channels, ...slide(layer, input) }
  },
  parameters: noParameters,
  macs: noMacs,
}
