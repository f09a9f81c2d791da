import { uniformOf } from '../parity/formula.js'

/** Random choices that depend on a name alone. */
export class Draw {
  readonly #uniform: (index: number) => number
  #drawn = 0

  constructor(name: string) {
    this.#uniform = uniformOf(name)
  }

  /** In [from, to). */
  real(from: number, to: number): number {
    return from + (to - from) * this.#uniform(this.#drawn++)
  }

  /** From `from` to `to`, both included. */
  whole(from: number, to: number): number {
    return Math.floor(this.real(from, to + 1))
  }

  pick<T>(items: readonly T[]): T {
    return items[this.whole(0, items.length - 1)]!
  }

  reals(count: number, from: number, to: number): Float32Array {
    return Float32Array.from({ length: count }, () => this.real(from, to))
  }
}
