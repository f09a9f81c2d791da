import { checkCount, type LayerOf, type LayerRules, type Unplaced } from '../layer.js'

/** Every input value to every output; the input is read flattened in C, H, W order. */
export function linear(outFeatures: number, options: { bias?: boolean } = {}): Unplaced<'linear'> {
  const { bias = true } = options
  return { kind: 'linear', outFeatures, bias }
}

export const linearRules: LayerRules<LayerOf<'linear'>> = {
  output(layer) {
    checkCount(layer, 'outFeatures', layer.outFeatures)
    return { channels: layer.outFeatures, height: 1, width: 1 }
  },

  parameters({ outFeatures, bias }, { channels, height, width }) {
    const weight = { name: 'weight', shape: [outFeatures, channels * height * width], trainable: true }
    return bias ? [weight, { name: 'bias', shape: [outFeatures], trainable: true }] : [weight]
  },

  macs({ outFeatures }, { channels, height, width }) {
    return outFeatures * channels * height * width
  },
}
