import { lastNotAbove } from '../columns.js'
import { EpochOrder, hash } from '../order.js'

/** Blocks whose samples are mixed with each other; what keeps them at hand must hold twice as many. */
export const orderWindow = 8

/**
 * Order of an epoch for what is slow to seek: blocks of samples (shards, row groups) come in an order of their own,
 * and within a window of some consecutive blocks the samples are mixed. At any time only two windows of blocks need be
 * at hand; where one window holds all blocks, the order is EpochOrder's. Like that a permutation that is a pure function
 * of its arguments, of which any place is found at once.
 */
export class WindowOrder {
  readonly length: number
  readonly #seed: number
  readonly #epoch: number
  readonly #window: number
  /** The blocks in their order, and how many samples are before each, with the total last. */
  readonly #blocks: Uint32Array
  readonly #before: Float64Array
  /** Index of the first sample of each block, with the total last. */
  readonly #starts: Float64Array
  readonly #inWindow = new Map<number, EpochOrder>()
  readonly #whole: EpochOrder | undefined

  /** @param starts index of the first sample of each block, and the count of all samples. */
  constructor(seed: number, epoch: number, starts: Float64Array, window = orderWindow) {
    const count = starts.length - 1
    const order =
      count > window ? new EpochOrder(hash(seed, 1), epoch, count) : { at: (place: number) => place }
    this.length = starts[count]!
    this.#seed = seed
    this.#epoch = epoch
    this.#window = window
    this.#starts = starts
    this.#blocks = Uint32Array.from({ length: count }, (_, place) => order.at(place))
    this.#whole = count <= window ? new EpochOrder(seed, epoch, this.length) : undefined
    this.#before = new Float64Array(count + 1)
    for (const [place, block] of this.#blocks.entries()) {
      this.#before[place + 1] = this.#before[place]! + starts[block + 1]! - starts[block]!
    }
  }

  /** Index of the sample at a position, 0 <= position < length. */
  at(position: number): number {
    if (this.#whole) return this.#whole.at(position)
    const first = lastNotAbove(this.#before, position)
    const window = first - (first % this.#window)
    const begin = this.#before[window]!
    const mixed = begin + this.#mix(window).at(position - begin)
    const place = lastNotAbove(this.#before, mixed)
    return this.#starts[this.#blocks[place]!]! + mixed - this.#before[place]!
  }

  #mix(window: number): EpochOrder {
    const made = this.#inWindow.get(window)
    if (made) return made
    const count = this.#blocks.length
    const end = Math.min(window + this.#window, count)
    const seed = count > this.#window ? hash(this.#seed, 2, window) : this.#seed
    const order = new EpochOrder(seed, this.#epoch, this.#before[end]! - this.#before[window]!)
    this.#inWindow.set(window, order)
    return order
  }
}
