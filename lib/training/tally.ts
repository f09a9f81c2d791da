import type { Mistake } from './evaluate.js'

/** A sample whose logits are counted. */
export interface Judged {
  label: number
  index: number
  name: string
}

const mistakesKept = 60

/** Counts answers of a classifier, as softmax and cross-entropy see its logits. */
export class Tally {
  samples = 0
  top1 = 0
  top5 = 0
  /** Sum of the cross-entropies. */
  loss = 0
  /** `confusion[label][predicted]`. */
  readonly confusion: number[][]
  /** The most probable first. */
  readonly mistakes: Mistake[] = []

  constructor(classes: number) {
    this.confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  }

  /** Of equal logits the first counts as the larger, as in training. */
  add(logits: Float32Array, sample: Judged): void {
    const { label } = sample
    const own = logits[label]!
    let predicted = 0
    let rank = 0
    for (let i = 0; i < logits.length; i++) {
      const value = logits[i]!
      if (value > logits[predicted]!) predicted = i
      if (value > own || (value === own && i < label)) rank++
    }
    if (Number.isNaN(own)) rank = Number.POSITIVE_INFINITY
    const highest = logits[predicted]!
    const logSum = Math.log(logits.reduce((sum, value) => sum + Math.exp(value - highest), 0))
    this.samples++
    this.loss += logSum + highest - own
    if (rank === 0) this.top1++
    if (rank < 5) this.top5++
    this.confusion[label]![predicted]!++
    if (predicted !== label) this.#keepMistake({ ...sample, predicted, probability: Math.exp(-logSum) })
  }

  #keepMistake(mistake: Mistake): void {
    const place = this.mistakes.findIndex((kept) => kept.probability < mistake.probability)
    this.mistakes.splice(place < 0 ? this.mistakes.length : place, 0, mistake)
    this.mistakes.length = Math.min(this.mistakes.length, mistakesKept)
  }
}
