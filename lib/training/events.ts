import type { EvaluationReport } from './evaluate.js'

/** Averages over the training samples since the last report: losses per sample, shares in 0..1. */
export interface TrainMetrics {
  /** Sum over heads of lossWeight x mean cross-entropy. */
  loss: number
  /** Mean cross-entropy of each head: main, aux1, aux2. */
  headLosses: number[]
  top1: number
  top5: number
}

/** What one epoch came to: kept in the checkpoint, drawn in the report. */
export interface EpochRecord {
  /** From 0. */
  epoch: number
  /** Updates made since the training began. */
  step: number
  learningRate: number
  train: TrainMetrics
  /** Absent when there is nothing to validate on. */
  validation?: Pick<EvaluationReport, 'loss' | 'top1' | 'top5' | 'samples'>
  imagesPerSecond: number
  /** Of training and of validation. */
  seconds: number
  skipped: number
}

/** One point of the training curve, every `reportEvery` steps. */
export interface StepRecord {
  epoch: number
  step: number
  learningRate: number
  train: TrainMetrics
  imagesPerSecond: number
}

export type TrainEvent =
  | {
      type: 'start'
      epochs: number
      stepsPerEpoch: number
      batchSize: number
      samples: number
      validationSamples: number
      /** Where a resumed training goes on, and what it came to before; absent at a fresh start. */
      resumed?: {
        path: string
        epoch: number
        step: number
        epochs: readonly EpochRecord[]
        steps: readonly StepRecord[]
        /** Newer checkpoints that could not be read. */
        passedOver: readonly { path: string; reason: string }[]
      }
    }
  | ({
      type: 'step'
      /** Within the epoch, from 1: the steps done. */
      stepInEpoch: number
      stepsPerEpoch: number
      secondsLeft: number
    } & StepRecord)
  /** A picture that could not be read, or what else of the data cannot be used, told once. */
  | { type: 'skipped'; name: string; reason: string }
  | { type: 'validating'; epoch: number; done: number; samples: number }
  /** `onGpu`: training pictures that the GPU of `decoder` decoded for these steps; absent when there are none. */
  | ({ type: 'epoch'; report?: EvaluationReport; onGpu?: number } & EpochRecord)
  /** `best`: its weights became the run folder's best. `epoch` is the one that a resumed training begins in. */
  | { type: 'checkpoint'; path: string; epoch: number; step: number; best: boolean }
  | {
      type: 'end'
      /** `aborted`: the signal fired; a checkpoint was saved first when a folder was given. */
      reason: 'done' | 'aborted'
      epochs: EpochRecord[]
      /** By top-1 on the validation pictures, of equals the one with the lower loss; absent without validation. */
      best?: { epoch: number; top1: number; path?: string }
    }
