import type { LayerDefinition, NetworkDefinition } from '../../binding.js'
import { GoogLeNetError } from '../errors.js'
import type { Shape } from './layer.js'
import { rulesOf } from './layers/index.js'

/** The name by which layers read the images. */
export const imagesName = 'input'

/** A layer with everything that follows from its place in the network. */
export interface TracedLayer {
  layer: LayerDefinition
  input: Shape
  output: Shape
  /** Names and shapes as in a state dict. */
  parameters: { name: string; shape: readonly number[]; trainable: boolean }[]
  macs: number
}

export function inputsOf(layer: LayerDefinition): readonly string[] {
  return layer.kind === 'concat' ? layer.inputs : [layer.input]
}

/**
 * Infers a layer's output shape from those that are known, and notes it.
 *
 * @throws ERR_GOOGLENET_OPTION, ERR_GOOGLENET_SHAPE naming the layer at fault.
 */
export function place(layer: LayerDefinition, shapes: Map<string, Shape>): TracedLayer {
  const refuse = (what: string) => new GoogLeNetError('ERR_GOOGLENET_SHAPE', `layer "${layer.name}": ${what}`)
  if (shapes.has(layer.name)) throw refuse('its name is used twice')
  const [input, ...others] = inputsOf(layer).map((name) => {
    const shape = shapes.get(name)
    if (shape === undefined) throw refuse(`its input "${name}" is not defined before it`)
    return shape
  })
  if (input === undefined) throw refuse('it has no input')
  const rules = rulesOf(layer)
  const output = rules.output(layer, [input, ...others])
  shapes.set(layer.name, output)
  const parameters = rules
    .parameters(layer, input)
    .map((parameter) => ({ ...parameter, name: `${layer.name}.${parameter.name}` }))
  return { layer, input, output, parameters, macs: rules.macs(layer, input, output) }
}

/** Every layer of a network in order, with shapes, parameters and MACs. */
export function trace({ input, layers }: NetworkDefinition): TracedLayer[] {
  const { channels, height, width } = input
  const shapes = new Map<string, Shape>([[imagesName, { channels, height, width }]])
  return layers.map((layer) => place(layer, shapes))
}
