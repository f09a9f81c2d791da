import type { EvaluationReport } from './evaluate.js'
import type { EpochRecord, StepRecord } from './events.js'
import { type MetricSums, noSums } from './metrics.js'

/** What a training that goes on must have in common with the one that was saved: it decides what each step sees. */
export interface Setup {
  batchSize: number
  accumulate: number
  seed: number
  /** Training pictures. */
  samples: number
  classes: readonly string[]
}

/** The best epoch so far. */
export interface Best {
  epoch: number
  top1: number
  loss: number
}

/** Where a training is and what it came to: with the network's snapshot, all that it needs to go on. JSON. */
export interface TrainingState {
  setup: Setup
  epoch: number
  /** Training samples of this epoch that were worked off. When all are, its validation is what is left. */
  position: number
  /** Since the last report, and of this epoch. */
  reportSums: MetricSums
  epochSums: MetricSums
  /** Of this epoch: pictures that could not be read, and seconds of training. */
  skipped: number
  seconds: number
  best?: Best
  epochs: EpochRecord[]
  steps: StepRecord[]
}

export function beginTraining(setup: Setup): TrainingState {
  return { setup, ...epochBeginning(0), reportSums: noSums(), epochs: [], steps: [] }
}

export function beginEpoch(state: TrainingState, epoch: number): void {
  Object.assign(state, epochBeginning(epoch))
}

const epochBeginning = (epoch: number) => ({
  epoch,
  position: 0,
  epochSums: noSums(),
  skipped: 0,
  seconds: 0,
})

/** Whether an epoch is the best so far; without validation the latest is. */
export function isBetter(report: EvaluationReport | undefined, best: Best | undefined): boolean {
  if (report === undefined || best === undefined) return true
  return report.top1 > best.top1 || (report.top1 === best.top1 && report.loss < best.loss)
}

const pointsKept = 4000

/** Whether a point of the training curve is kept: of a long training every second is, or every third, ... */
export function isKept(step: number, reportEvery: number, steps: number): boolean {
  const every = reportEvery * Math.ceil(steps / reportEvery / pointsKept)
  return step % every < reportEvery
}
