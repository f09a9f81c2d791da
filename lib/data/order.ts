/** The finaliser of MurmurHash3 (Austin Appleby, 2011): every bit of the input moves every bit of the output. */
function finalize(x: number): number {
  let h = x
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** 32 bits that depend on the whole numbers (up to 53 bits each) and on their order alone. */
export function hash(...values: readonly number[]): number {
  let h = 0x9e3779b9
  for (const value of values) {
    h = finalize(h ^ value)
    h = finalize((h + Math.floor(value / 2 ** 32) + 0x7f4a7c15) | 0)
  }
  return h
}

/** As `hash`, of a seed and a text's UTF-16 code units. */
export function hashText(seed: number, text: string): number {
  let h = hash(seed, text.length)
  for (let i = 0; i < text.length; i++) h = finalize(h ^ text.charCodeAt(i)) + i
  return finalize(h)
}

const rounds = 8
/** Below this the halves of the network hold too few bits to mix well. */
const smallestHalf = 5

/**
 * The order in which an epoch visits its samples: a permutation of 0 to length - 1 that is a pure function of seed
 * and epoch. Any place of it is found without the others, so an epoch is taken up in its middle at once and no
 * list of a million indices is kept.
 *
 * A Feistel network permutes the smallest power of 4 that holds the length; what falls outside is permuted again
 * until it falls inside ("cycle walking": Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002).
 */
export class EpochOrder {
  readonly length: number
  readonly #half: number
  readonly #keys: readonly number[]

  constructor(seed: number, epoch: number, length: number) {
    this.length = length
    this.#half = Math.max(smallestHalf, Math.ceil(Math.log2(Math.max(2, length)) / 2))
    this.#keys = Array.from({ length: rounds }, (_, round) => hash(seed, epoch, round))
  }

  /** Index of the sample at a position, 0 <= position < length. */
  at(position: number): number {
    let index = position
    do index = this.#permute(index)
    while (index >= this.length)
    return index
  }

  #permute(value: number): number {
    const size = 2 ** this.#half
    const mask = size - 1
    let left = Math.floor(value / size)
    let right = value % size
    for (const key of this.#keys) {
      const mixed = left ^ (finalize(key ^ right) & mask)
      left = right
      right = mixed
    }
    return left * size + right
  }
}
