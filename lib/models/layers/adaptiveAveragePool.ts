import { checkCount, type LayerOf, type LayerRules, noMacs, noParameters, type Unplaced } from '../layer.js'

/** `size` x `size` means that share the input out, whatever its size (PyTorch's AdaptiveAvgPool2d). */
export function adaptiveAveragePool(size: number): Unplaced<'adaptiveAveragePool'> {
  return { kind: 'adaptiveAveragePool', size }
}

export const adaptiveAveragePoolRules: LayerRules<LayerOf<'adaptiveAveragePool'>> = {
  output(layer, [{ channels }]) {
    checkCount(layer, 'size', layer.size)
    return { channels, height: layer.size, width: layer.size }
  },
  parameters: noParameters,
  macs: noMacs,
}
