import { checkNumber } from '../../checks.js'
import { type LayerOf, type LayerRules, noMacs, noParameters, type Unplaced } from '../layer.js'

/** In training, sets that share of the values to zero and scales the rest up; otherwise does nothing. */
export function dropout(probability: number): Unplaced<'dropout'> {
  return { kind: 'dropout', probability }
}

export const dropoutRules: LayerRules<LayerOf<'dropout'>> = {
  output(layer, [input]) {
    checkNumber(`layer "${layer.name}": probability`, layer.probability, { min: 0, below: 1 })
    return input
  },
  parameters: noParameters,
  macs: noMacs,
}
