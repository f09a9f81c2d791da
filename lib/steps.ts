import type { StepOptions } from '../binding.js'
import { checkBoolean, checkNumber, shown } from './checks.js'
import { GoogLeNetError } from './errors.js'

/** One step of SGD, with the meanings of torch.optim.SGD. What is absent is 0 or false. */
export interface TrainStepOptions {
  learningRate: number
  momentum?: number
  /** L2: `weightDecay` x weight is added to each gradient. */
  weightDecay?: number
  nesterov?: boolean
  /** Share of the target that is spread over all classes. */
  labelSmoothing?: number
  /** Decay of the exponential moving average of the weights; 0 keeps none. */
  averageDecay?: number
  /** Gradient accumulation: this batch is the `index`-th (from 0) of `count`; the update comes with the last. */
  accumulate?: { index: number; count: number }
  /** Of these images, when it is not the network's own: its pools take any from 64 up. */
  imageSize?: number
  /** Aborts the step as long as it has not begun. */
  signal?: AbortSignal
}

/** @throws ERR_GOOGLENET_OPTION naming the option, what it may be and what was found. */
export function checkStepOptions(options: TrainStepOptions): StepOptions {
  if (typeof options !== 'object' || options === null) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_OPTION',
      `step options must be an object, found ${shown(options)}`,
    )
  }
  const { index, count } = options.accumulate ?? { index: 0, count: 1 }
  const checked: StepOptions = {
    learningRate: checkNumber('learningRate', options.learningRate, { min: 0 }),
    momentum: checkNumber('momentum', options.momentum ?? 0, { min: 0, below: 1 }),
    weightDecay: checkNumber('weightDecay', options.weightDecay ?? 0, { min: 0 }),
    nesterov: checkBoolean('nesterov', options.nesterov ?? false),
    labelSmoothing: checkNumber('labelSmoothing', options.labelSmoothing ?? 0, { min: 0, max: 1 }),
    averageDecay: checkNumber('averageDecay', options.averageDecay ?? 0, { min: 0, below: 1 }),
    accumulate: {
      count: checkNumber('accumulate.count', count, { min: 1, max: 65535, whole: true }),
      index: checkNumber('accumulate.index', index, { min: 0, below: count, whole: true }),
    },
  }
  if (checked.nesterov && checked.momentum === 0) {
    throw new GoogLeNetError('ERR_GOOGLENET_OPTION', 'nesterov needs a momentum above 0, found 0')
  }
  return checked
}
