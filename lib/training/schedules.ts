import { checkChoice, checkNumber, shown } from '../checks.js'
import { GoogLeNetError } from '../errors.js'

interface CommonSchedule {
  /** The highest. */
  learningRate: number
  /** Epochs, or parts of one, in which the rate rises evenly from nearly 0; none by default. */
  warmupEpochs?: number
}

/** How the learning rate goes, as data. */
export type Schedule =
  | ({ kind: 'constant' } & CommonSchedule)
  /** Times `factor` every `everyEpochs`: 0.96 and 8 by default, as in the paper. */
  | ({ kind: 'step'; factor?: number; everyEpochs?: number } & CommonSchedule)
  /** Half a cosine wave down to `finalLearningRate`, 0 by default. */
  | ({ kind: 'cosine'; finalLearningRate?: number } & CommonSchedule)
  /** Falls with (1 - share of the training done) to the `power`; a power of 1 is a straight line. */
  | ({ kind: 'polynomial'; power: number; finalLearningRate?: number } & CommonSchedule)

/** Where a training is. */
export interface Progress {
  /** Updates made. */
  step: number
  stepsPerEpoch: number
  epochs: number
}

/** The learning rate of the step that comes after `step` updates. Pure. */
export function learningRateAt(schedule: Schedule, { step, stepsPerEpoch, epochs }: Progress): number {
  const { learningRate, warmupEpochs = 0 } = schedule
  const warmup = warmupEpochs * stepsPerEpoch
  if (step < warmup) return learningRate * Math.min(1, (step + 1) / warmup)
  const rest = epochs * stepsPerEpoch - warmup
  const share = rest > 0 ? Math.min(1, (step - warmup) / rest) : 1
  switch (schedule.kind) {
    case 'constant':
      return learningRate
    case 'step': {
      const { factor = 0.96, everyEpochs = 8 } = schedule
      return learningRate * factor ** Math.floor(step / stepsPerEpoch / everyEpochs)
    }
    case 'cosine': {
      const { finalLearningRate: final = 0 } = schedule
      return final + (learningRate - final) * 0.5 * (1 + Math.cos(Math.PI * share))
    }
    case 'polynomial': {
      const { finalLearningRate: final = 0, power } = schedule
      return final + (learningRate - final) * (1 - share) ** power
    }
  }
}

/** @throws ERR_GOOGLENET_OPTION naming what is wrong with the schedule. */
export function checkSchedule(schedule: Schedule): Schedule {
  if (typeof schedule !== 'object' || schedule === null) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_OPTION',
      `schedule must be an object such as { kind: 'constant', learningRate: 0.01 }, found ${shown(schedule)}`,
    )
  }
  checkChoice('schedule.kind', schedule.kind, ['constant', 'step', 'cosine', 'polynomial'])
  checkNumber('schedule.learningRate', schedule.learningRate, { min: 0 })
  checkNumber('schedule.warmupEpochs', schedule.warmupEpochs ?? 0, { min: 0 })
  if (schedule.kind === 'step') {
    checkNumber('schedule.factor', schedule.factor ?? 0.96, { min: 0, max: 1 })
    checkNumber('schedule.everyEpochs', schedule.everyEpochs ?? 8, { min: Number.MIN_VALUE })
  }
  if (schedule.kind === 'polynomial') checkNumber('schedule.power', schedule.power, { min: 0 })
  if (schedule.kind === 'cosine' || schedule.kind === 'polynomial') {
    checkNumber('schedule.finalLearningRate', schedule.finalLearningRate ?? 0, { min: 0 })
  }
  return schedule
}
