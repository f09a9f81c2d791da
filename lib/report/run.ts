import type { EvaluationReport } from '../training/evaluate.js'
import type { EpochRecord, StepRecord, TrainEvent } from '../training/events.js'
import type { FilterBank } from './filters.js'

/** Names and values of a table, in the order shown. */
export type Facts = readonly (readonly [name: string, value: string])[]

/** What a report shows. Whatever is absent is left out of the page. */
export interface RunReport {
  title: string
  /** One line under the title. */
  subtitle: string
  state: 'running' | 'done' | 'aborted'
  written: Date
  history?: TrainingHistory
  /** How well the network did, and the words for what it was tried on: `120 pictures kept for validation`. */
  evaluation?: { on: string; report: EvaluationReport }
  /** Addresses (data URIs) of the mistakes' pictures, by sample index. */
  pictures?: ReadonlyMap<number, string>
  filters?: FilterBank
  configuration: Facts
  environment: Facts
}

/** Remembers of a training's events what the report draws. */
export class TrainingHistory {
  readonly steps: StepRecord[] = []
  readonly epochs: EpochRecord[] = []
  /** Pictures that could not be read, and why. */
  readonly skipped = new Map<string, string>()
  plannedEpochs = 0
  stepsPerEpoch = 1
  /** The validation of the epoch whose weights are the best so far. */
  best?: Validation
  #latest: Validation | undefined

  record(event: TrainEvent): void {
    switch (event.type) {
      case 'start':
        this.plannedEpochs = event.epochs
        this.stepsPerEpoch = event.stepsPerEpoch
        if (event.resumed) {
          this.epochs.push(...event.resumed.epochs)
          this.steps.push(...event.resumed.steps)
        }
        break
      case 'step': {
        const { epoch, step, learningRate, train, imagesPerSecond } = event
        this.steps.push({ epoch, step, learningRate, train, imagesPerSecond })
        break
      }
      case 'skipped':
        this.skipped.set(event.name, event.reason)
        break
      case 'epoch': {
        const { type, report, ...epoch } = event
        this.epochs.push(epoch)
        this.#latest = report && { epoch: epoch.epoch, report }
        break
      }
      case 'checkpoint':
        if (event.best && this.#latest) this.best = this.#latest
        break
    }
  }
}

interface Validation {
  epoch: number
  report: EvaluationReport
}
