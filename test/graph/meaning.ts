/**
 * What a network's tensors hold, symbol by symbol: a channel is a word such as `a@3`, and the gradient of a channel
 * the list of words that are to be added up, one from each layer that reads it.
 */
import type { LayerDefinition, NetworkDefinition } from '../../binding.js'
import { imagesName, inputsOf, trace } from '../../lib/models/shapes.js'
import { neededLayers } from '../conformance/reference.js'

export type Lane = readonly string[]

export class Meaning {
  readonly needed: readonly LayerDefinition[]
  readonly #layers: Map<string, LayerDefinition>
  readonly #channels: Map<string, number>
  readonly #values = new Map<string, Lane[]>()
  readonly #gradients = new Map<string, Lane[]>()

  constructor(
    private readonly definition: NetworkDefinition,
    private readonly training: boolean,
  ) {
    this.needed = neededLayers(definition)
    this.#layers = new Map(this.needed.map((layer) => [layer.name, layer]))
    this.#channels = new Map(trace(definition).map(({ layer, output }) => [layer.name, output.channels]))
    this.#channels.set(imagesName, definition.input.channels)
  }

  layer(name: string): LayerDefinition {
    const layer = this.#layers.get(name)
    if (!layer) throw new Error(`${name} is no layer that a head needs`)
    return layer
  }

  /** The tensor that a layer of one input reads. */
  sourceOf(name: string): string {
    return inputsOf(this.layer(name))[0]!
  }

  /** The layer that alone reads a layer's output, of that kind. */
  onlyReader(name: string, kind: LayerDefinition['kind']): string {
    const readers = this.#readers(name)
    const [reader] = readers
    if (readers.length !== 1 || reader!.layer.kind !== kind || this.#isHead(name)) {
      throw new Error(`${name} is not read by one ${kind} alone`)
    }
    return reader!.layer.name
  }

  /** The layers that one step computes, from this one on. */
  chain(name: string, normalised: boolean, relu: boolean): string[] {
    const chain = [name]
    if (normalised) chain.push(this.onlyReader(name, 'batchNorm'))
    if (relu) chain.push(this.onlyReader(chain.at(-1)!, 'relu'))
    return chain
  }

  /** Of a layer's output: a concat's are its inputs', and in inference so are dropout's. */
  values(name: string): Lane[] {
    return cached(this.#values, name, () => {
      const layer = this.#layers.get(name)
      const passedOn = layer?.kind === 'concat' || (layer?.kind === 'dropout' && !this.training)
      if (passedOn) return inputsOf(layer).flatMap((input) => this.values(input))
      return this.#words(name, name)
    })
  }

  /** Of the gradient of a layer's output, complete. */
  gradients(name: string): Lane[] {
    return cached(this.#gradients, name, () => {
      const parts = this.#readers(name).map(({ layer, index }) => {
        if (layer.kind !== 'concat') return this.contributions(layer.name, name)
        const before = layer.inputs
          .slice(0, index)
          .reduce((sum, input) => sum + this.#channels.get(input)!, 0)
        return this.gradients(layer.name).slice(before, before + this.#channels.get(name)!)
      })
      if (this.#isHead(name)) parts.push(this.#words('loss', name))
      return this.#words('', name).map((_, channel) => add(...parts.map((part) => part[channel]!)))
    })
  }

  /** What a layer other than a concat adds to the gradient of its input. */
  contributions(layer: string, input = this.sourceOf(layer)): Lane[] {
    return this.#words(`by ${layer}`, input)
  }

  #words(word: string, tensor: string): Lane[] {
    return Array.from({ length: this.#channels.get(tensor)! }, (_, channel) => [`${word}@${channel}`])
  }

  #readers(name: string): { layer: LayerDefinition; index: number }[] {
    return this.needed.flatMap((layer) =>
      inputsOf(layer).flatMap((input, index) => (input === name ? [{ layer, index }] : [])),
    )
  }

  #isHead(name: string): boolean {
    return this.definition.heads.some(({ layer }) => layer === name)
  }
}

/** The sum of what the lanes hold. */
export const add = (...lanes: Lane[]): Lane => lanes.flat().sort()

function cached(known: Map<string, Lane[]>, name: string, make: () => Lane[]): Lane[] {
  const found = known.get(name) ?? make()
  known.set(name, found)
  return found
}
