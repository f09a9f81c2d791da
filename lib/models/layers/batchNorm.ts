import { checkNumber } from '../../checks.js'
import { type LayerOf, type LayerRules, noMacs, type Unplaced } from '../layer.js'

/** Normalises each channel over the batch, or by its running statistics. The defaults are BatchNorm2d's. */
export function batchNorm(options: { epsilon?: number; momentum?: number } = {}): Unplaced<'batchNorm'> {
  const { epsilon = 1e-5, momentum = 0.1 } = options
  return { kind: 'batchNorm', epsilon, momentum }
}

export const batchNormRules: LayerRules<LayerOf<'batchNorm'>> = {
  output(layer, [input]) {
    checkNumber(`layer "${layer.name}": epsilon`, layer.epsilon, { min: Number.MIN_VALUE })
    checkNumber(`layer "${layer.name}": momentum`, layer.momentum, { min: 0, max: 1 })
    return input
  },

  parameters(_layer, { channels }) {
    return [
      { name: 'weight', shape: [channels], trainable: true },
      { name: 'bias', shape: [channels], trainable: true },
      { name: 'running_mean', shape: [channels], trainable: false },
      { name: 'running_var', shape: [channels], trainable: false },
    ]
  },

  macs: noMacs, // folded into the convolution before it
}
