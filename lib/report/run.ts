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
  /** Of the epoch with the highest top-1 on the validation pictures. */
  best?: { epoch: number; report: EvaluationReport }

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
        if (report && report.top1 > (this.best?.report.top1 ?? -1)) this.best = { epoch: epoch.epoch, report }
        break
      }
    }
  }
}
