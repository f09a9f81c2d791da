import { setImmediate } from 'node:timers/promises'
import { hashText } from './order.js'
import { areFew, type Sample, type SampleOrder, type SampleSource } from './source.js'

/** Some samples of a source, in the order of `indices`. */
export class Subset implements SampleSource {
  readonly classes: readonly string[]
  readonly synsets?: readonly string[]
  readonly order?: (seed: number, epoch: number) => SampleOrder
  readonly ready?: NonNullable<SampleSource['ready']>
  readonly #source: SampleSource
  readonly #indices: Uint32Array

  constructor(source: SampleSource, indices: Uint32Array) {
    this.classes = source.classes
    if (source.synsets) this.synsets = source.synsets
    if (source.order) this.order = (seed, epoch) => filterOrder(source, indices, source.order!(seed, epoch))
    if (source.ready) {
      this.ready = (wanted, signal, few = areFew(indices.length, source.length)) =>
        source.ready!(
          Array.from(wanted, (index) => indices[index]!),
          signal,
          few,
        )
    }
    this.#source = source
    this.#indices = indices
  }

  get length(): number {
    return this.#indices.length
  }

  sample(index: number): Sample {
    return this.#source.sample(this.#indices[index]!)
  }
}

/** The samples of a subset in the order in which the whole is visited. */
function filterOrder(source: SampleSource, indices: Uint32Array, order: SampleOrder): SampleOrder {
  const absent = 0xffffffff
  const places = new Uint32Array(source.length).fill(absent)
  for (const [place, index] of indices.entries()) places[index] = place
  const kept = new Uint32Array(indices.length)
  let filled = 0
  for (let position = 0; position < source.length; position++) {
    const place = places[order.at(position)]!
    if (place !== absent) kept[filled++] = place
  }
  return { at: (position) => kept[position]! }
}

/**
 * Parts a source in two, each class by the same share: `validation` gets the nearest whole number of its samples,
 * at least one of a class with two or more, and never all. Which ones depends on the seed and their names, so the
 * same files are parted in the same way, and files that come or go move few others.
 */
export async function splitByClass(
  source: SampleSource,
  validation: number,
  seed: number,
): Promise<{ train: SampleSource; validation: SampleSource }> {
  const byClass: number[][] = source.classes.map(() => [])
  const ranks = new Uint32Array(source.length)
  for (let index = 0; index < source.length; index++) {
    if (index % 1000 === 0) await setImmediate() // others have work for the event loop too
    const { label, name } = source.sample(index)
    byClass[label]!.push(index)
    ranks[index] = hashText(seed, name)
  }
  const chosen = new Uint8Array(source.length)
  let count = 0
  for (const samples of byClass) {
    await setImmediate()
    const share = Math.max(1, Math.round(samples.length * validation))
    const taken = Math.max(0, Math.min(samples.length - 1, share))
    samples.sort((a, b) => ranks[a]! - ranks[b]! || a - b)
    for (const index of samples.slice(0, taken)) chosen[index] = 1
    count += taken
  }
  const indices = { train: new Uint32Array(source.length - count), validation: new Uint32Array(count) }
  const filled = { train: 0, validation: 0 }
  for (let index = 0; index < source.length; index++) {
    const part = chosen[index] ? 'validation' : 'train'
    indices[part][filled[part]++] = index
  }
  return {
    train: new Subset(source, indices.train),
    validation: new Subset(source, indices.validation),
  }
}
