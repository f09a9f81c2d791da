import type { HeadDefinition, LayerDefinition, NetworkDefinition } from '../../binding.js'
import type { Shape, Unplaced } from './layer.js'
import { imagesName, place } from './shapes.js'

/** The output of a layer that has been placed: what the next one reads. */
export interface Output extends Shape {
  readonly name: string
}

/** Puts a network together layer by layer; a layer that does not fit is refused where it is added. */
export class NetworkBuilder {
  readonly images: Output
  readonly #input: NetworkDefinition['input']
  readonly #layers: LayerDefinition[] = []
  readonly #shapes = new Map<string, Shape>()

  constructor(input: NetworkDefinition['input']) {
    const { channels, height, width } = input
    this.#input = input
    this.images = { name: imagesName, channels, height, width }
    this.#shapes.set(imagesName, this.images)
  }

  add(name: string, from: Output | readonly Output[], layer: Unplaced): Output {
    const inputs = [from].flat().map((output) => output.name)
    const placed = { ...layer, name, ...(layer.kind === 'concat' ? { inputs } : { input: inputs[0] }) }
    const { output } = place(placed as LayerDefinition, this.#shapes)
    this.#layers.push(placed as LayerDefinition)
    return { name, ...output }
  }

  /** A chain of layers called `name.0`, `name.1`, ..., as PyTorch's Sequential does. */
  sequential(name: string, from: Output, layers: readonly Unplaced[]): Output {
    return layers.reduce((last, layer, i) => this.add(`${name}.${i}`, last, layer), from)
  }

  build(heads: HeadDefinition[]): NetworkDefinition {
    return { input: this.#input, layers: this.#layers, heads }
  }
}
