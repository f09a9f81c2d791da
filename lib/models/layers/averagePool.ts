import {
  checkCount,
  type LayerOf,
  type LayerRules,
  noMacs,
  noParameters,
  slide,
  type Unplaced,
} from '../layer.js'

/** The mean of each window. There is no padding: counting zeros in a mean is no part of any variant. */
export function averagePool(options: { kernel: number; stride?: number }): Unplaced<'averagePool'> {
  const { kernel, stride = 1 } = options
  return { kind: 'averagePool', kernel, stride, padding: 0 }
}

/** The mean of the whole map of `side` x `side`. */
export function globalAveragePool(side: number): Unplaced<'averagePool'> {
  return averagePool({ kernel: side })
}

/**
 * A window and a stride that make `cells` x `cells` of the input's side, whatever it is (`cells` or more). At 14 and
 * 4 they are the 5x5 window with stride 3 of the paper's auxiliary heads, which an adaptive pool's are not.
 */
export function averagePoolTo(side: number, cells: number): Unplaced<'averagePool'> {
  const stride = Math.floor(side / cells)
  return averagePool({ kernel: side - (cells - 1) * stride, stride })
}

export const averagePoolRules: LayerRules<LayerOf<'averagePool'>> = {
  output(layer, [input]) {
    checkCount(layer, 'padding', layer.padding, 0, 0)
    return { channels: input.channels, ...slide(layer, input) }
  },
  parameters: noParameters,
  macs: noMacs,
}
