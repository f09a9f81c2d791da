import { type LayerOf, type LayerRules, noMacs, noParameters, sameAsInput, type Unplaced } from '../layer.js'

/** max(0, x). */
export function relu(): Unplaced<'relu'> {
  return { kind: 'relu' }
}

export const reluRules: LayerRules<LayerOf<'relu'>> = {
  output: sameAsInput,
  parameters: noParameters,
  macs: noMacs,
}
