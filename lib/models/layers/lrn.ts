import { checkNumber } from '../../checks.js'
import {
  checkCount,
  type LayerOf,
  type LayerRules,
  noMacs,
  noParameters,
  sameAsInput,
  type Unplaced,
} from '../layer.js'

/** Local response normalisation across channels. The defaults are the paper's, as BVLC Caffe has it. */
export function lrn(
  options: { size?: number; alpha?: number; beta?: number; k?: number } = {},
): Unplaced<'lrn'> {
  const { size = 5, alpha = 1e-4, beta = 0.75, k = 1 } = options
  return { kind: 'lrn', size, alpha, beta, k }
}

export const lrnRules: LayerRules<LayerOf<'lrn'>> = {
  output(layer, inputs) {
    const name = (figure: string) => `layer "${layer.name}": ${figure}`
    checkCount(layer, 'size', layer.size)
    checkNumber(name('alpha'), layer.alpha, { min: 0 })
    checkNumber(name('beta'), layer.beta, { min: 0 })
    checkNumber(name('k'), layer.k, { min: Number.MIN_VALUE })
    return sameAsInput(layer, inputs)
  },
  parameters: noParameters,
  macs: noMacs,
}
