import type { StepMetrics } from '../../binding.js'
import type { TrainMetrics } from './events.js'

/** Sums over samples: JSON, so that a resumed training goes on adding to the same numbers. */
export interface MetricSums {
  samples: number
  loss: number
  headLosses: number[]
  top1: number
  top5: number
}

export const noSums = (): MetricSums => ({ samples: 0, loss: 0, headLosses: [], top1: 0, top5: 0 })

/** Adds a batch: its losses are means, its top-1 and top-5 counts. */
export function addBatch(
  sums: MetricSums,
  { loss, headLosses, top1, top5 }: StepMetrics,
  samples: number,
): void {
  sums.samples += samples
  sums.loss += loss * samples
  for (const [head, value] of headLosses.entries()) {
    sums.headLosses[head] = (sums.headLosses[head] ?? 0) + value * samples
  }
  sums.top1 += top1
  sums.top5 += top5
}

/** Averages per sample; there must be one. */
export function averages({ samples, loss, headLosses, top1, top5 }: MetricSums): TrainMetrics {
  return {
    loss: loss / samples,
    headLosses: headLosses.map((sum) => sum / samples),
    top1: top1 / samples,
    top5: top5 / samples,
  }
}

/** Seconds after which a measurement weighs 1/e of a new one. */
const memory = 15

/** Images a second, of about the last quarter of a minute. */
export class Speed {
  #images = 0
  #seconds = 0

  add(images: number, seconds: number): void {
    const kept = Math.exp(-seconds / memory)
    this.#images = this.#images * kept + images
    this.#seconds = this.#seconds * kept + seconds
  }

  get imagesPerSecond(): number {
    return this.#seconds > 0 ? this.#images / this.#seconds : 0
  }
}
