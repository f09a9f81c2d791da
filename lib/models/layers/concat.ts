import { GoogLeNetError } from '../../errors.js'
import { type LayerOf, type LayerRules, noMacs, noParameters, shapeText, type Unplaced } from '../layer.js'

/** Its inputs' channels one after another. */
export function concat(): Unplaced<'concat'> {
  return { kind: 'concat' }
}

export const concatRules: LayerRules<LayerOf<'concat'>> = {
  output(layer, inputs) {
    const [first] = inputs
    for (const input of inputs) {
      if (input.height === first.height && input.width === first.width) continue
      throw new GoogLeNetError(
        'ERR_GOOGLENET_SHAPE',
        `layer "${layer.name}": cannot join ${shapeText(first)} and ${shapeText(input)}: heights and widths must be equal`,
      )
    }
    return { ...first, channels: inputs.reduce((sum, { channels }) => sum + channels, 0) }
  },
  parameters: noParameters,
  macs: noMacs,
}
