import { checkCount, type LayerOf, type LayerRules, slide, type Unplaced } from '../layer.js'

/** A square convolution (cross-correlation, as in PyTorch's Conv2d) with zeros around the input. */
export function convolution(
  outChannels: number,
  options: { kernel: number; stride?: number; padding?: number; bias?: boolean },
): Unplaced<'convolution'> {
  const { kernel, stride = 1, padding = 0, bias = true } = options
  return { kind: 'convolution', outChannels, kernel, stride, padding, bias }
}

export const convolutionRules: LayerRules<LayerOf<'convolution'>> = {
  output(layer, [input]) {
    checkCount(layer, 'outChannels', layer.outChannels)
    return { channels: layer.outChannels, ...slide(layer, input) }
  },

  parameters({ outChannels, kernel, bias }, { channels }) {
    const weight = { name: 'weight', shape: [outChannels, channels, kernel, kernel], trainable: true }
    return bias ? [weight, { name: 'bias', shape: [outChannels], trainable: true }] : [weight]
  },

  macs({ kernel }, input, output) {
    return output.height * output.width * output.channels * input.channels * kernel * kernel
  },
}
