import { checkChoice, checkNumber, shown } from '../checks.js'
import { type AugmentOptions, evaluationTransform, trainTransform } from '../data/augment.js'
import { checkDecodeOptions, checkPictureChannels, type DecodeOptions } from '../data/loader.js'
import type { DataSet } from '../data/source.js'
import { GoogLeNetError } from '../errors.js'
import type { GoogLeNet } from '../network.js'
import { checkImageSize } from '../options.js'
import { checkStepOptions } from '../steps.js'
import { checkSchedule, type Schedule } from './schedules.js'
import { checkClasses, loaderThreads } from './setup.js'

/** Images of `imageSize` up to the epoch `untilEpoch` (from 0), which is not one of them. */
export interface ImageSizeStage {
  untilEpoch: number
  imageSize: number
}

export interface TrainOptions extends DecodeOptions {
  /** Times through the training pictures; 30 by default. */
  epochs?: number
  /** 32 by default. */
  batchSize?: number
  /** By default in a straight line from 0.02 to 0. */
  schedule?: Schedule
  /** 0.9 by default. */
  momentum?: number
  /** 0.0001 by default. */
  weightDecay?: number
  nesterov?: boolean
  /** Share of the target that is spread over all classes; 0 by default. */
  labelSmoothing?: number
  /**
   * Decay of the running average of the weights, which is then what validation and the best weights take; 0, the
   * default, keeps none. It begins lower, as (1 + step) / (10 + step), so that the first weights are soon
   * forgotten (TensorFlow's ExponentialMovingAverage with num_updates, as Inception was trained).
   */
  averageDecay?: number
  /** Batches whose gradients make one step; 1 by default. */
  accumulate?: number
  augment?: AugmentOptions
  /**
   * Images of other sizes in the first epochs, usually smaller ones, which train faster: stage after stage, then the
   * network's own size, which is also that of validation. The weights are the same, as the last pools take any size.
   */
  imageSize?: readonly ImageSizeStage[]
  /** Of order and augmentation; the network's seed by default. */
  seed?: number
  /** Threads that decode pictures; 0, the default, are as many as suit the network's device. */
  loaderThreads?: number
  /** Steps between two `step` events; 10 by default. An epoch's last step has one too. */
  reportEvery?: number
  /** The run's folder: checkpoints, best weights, history.json. Without it nothing is saved. */
  checkpoint?: string
  /** How many checkpoints are kept; 3 by default. */
  keep?: number
  /** Saves a checkpoint every so many steps, besides each epoch's. */
  checkpointEvery?: number
  /** Goes on from the newest checkpoint of the run's folder, or of another folder, or from a checkpoint file. */
  resume?: boolean | string
  /** `skip`, the default, leaves out a picture that cannot be read; `throw` ends with ERR_GOOGLENET_PICTURE. */
  onError?: 'skip' | 'throw'
  /** Length of the shorter side of a validation picture before its centre is cropped; imageSize x 256 / 224. */
  resize?: number
  /** Ends the training after the step under way: a checkpoint is saved, the `end` event says `aborted`. */
  signal?: AbortSignal
}

/** The options with their defaults; what is not there is off. */
export type CheckedTrainOptions = Required<
  Omit<TrainOptions, 'checkpoint' | 'checkpointEvery' | 'resume' | 'resize' | 'signal'>
> &
  Pick<TrainOptions, 'checkpoint' | 'checkpointEvery' | 'resize' | 'signal'> & {
    /** A path, where the training goes on from. */
    resume?: string
  }

/** @throws ERR_GOOGLENET_OPTION; ERR_GOOGLENET_DATA when the data and the network don't fit. */
export function checkTrainOptions(net: GoogLeNet, data: DataSet, options: TrainOptions): CheckedTrainOptions {
  if (typeof options !== 'object' || options === null) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_OPTION',
      `training options must be an object, found ${shown(options)}`,
    )
  }
  const { imageSize, device, channels } = net.options
  const { seed = net.options.seed, augment = {}, checkpoint, checkpointEvery, resize, signal } = options
  checkPictureChannels(channels)
  const stages = checkImageSizes(options.imageSize ?? [])
  trainTransform(imageSize, { seed, epoch: 0, augment })
  evaluationTransform(imageSize, resize)
  checkData(net, data)
  const resume = options.resume === true ? requireFolder(checkpoint) : options.resume || undefined
  return {
    ...checkOptimizer(options),
    ...checkDecodeOptions(options),
    seed,
    augment,
    imageSize: stages,
    epochs: checkCount('epochs', options.epochs ?? 30),
    batchSize: checkCount('batchSize', options.batchSize ?? 32, 65535),
    accumulate: checkCount('accumulate', options.accumulate ?? 1, 65535),
    loaderThreads: loaderThreads(options.loaderThreads, device),
    reportEvery: checkCount('reportEvery', options.reportEvery ?? 10),
    keep: checkCount('keep', options.keep ?? 3),
    onError: checkChoice('onError', options.onError ?? 'skip', ['skip', 'throw']),
    ...(checkpoint !== undefined && { checkpoint: checkPath('checkpoint', checkpoint) }),
    ...(checkpointEvery !== undefined && { checkpointEvery: checkCount('checkpointEvery', checkpointEvery) }),
    ...(resume !== undefined && { resume: checkPath('resume', resume) }),
    ...(resize !== undefined && { resize }),
    ...(signal !== undefined && { signal }),
  }
}

/** @throws ERR_GOOGLENET_OPTION unless each stage ends after the one before. */
function checkImageSizes(stages: readonly ImageSizeStage[]): readonly ImageSizeStage[] {
  if (!Array.isArray(stages)) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_OPTION',
      `imageSize must be a list of { untilEpoch, imageSize }, found ${shown(stages)}; the network has its own size`,
    )
  }
  let begin = 0
  return stages.map((stage: ImageSizeStage, i) => {
    const untilEpoch = checkNumber(`imageSize[${i}].untilEpoch`, stage?.untilEpoch, {
      min: begin + 1,
      whole: true,
    })
    begin = untilEpoch
    return { untilEpoch, imageSize: checkImageSize(stage.imageSize, `imageSize[${i}].imageSize`) }
  })
}

/** The size of the images of an epoch. */
export function imageSizeAt(stages: readonly ImageSizeStage[], epoch: number, own: number): number {
  return stages.find(({ untilEpoch }) => epoch < untilEpoch)?.imageSize ?? own
}

type OptimizerOptions =
  | 'schedule'
  | 'momentum'
  | 'weightDecay'
  | 'nesterov'
  | 'labelSmoothing'
  | 'averageDecay'

function checkOptimizer(options: TrainOptions): Pick<CheckedTrainOptions, OptimizerOptions> {
  const schedule = checkSchedule(
    options.schedule ?? { kind: 'polynomial', power: 1, learningRate: 0.02, finalLearningRate: 0 },
  )
  const { momentum, weightDecay, nesterov, labelSmoothing, averageDecay } = checkStepOptions({
    learningRate: schedule.learningRate,
    momentum: options.momentum ?? 0.9,
    weightDecay: options.weightDecay ?? 1e-4,
    nesterov: options.nesterov ?? false,
    labelSmoothing: options.labelSmoothing ?? 0,
    averageDecay: options.averageDecay ?? 0,
  })
  return { schedule, momentum, weightDecay, nesterov, labelSmoothing, averageDecay }
}

function checkData(net: GoogLeNet, { classes, train }: DataSet): void {
  checkClasses(net, classes)
  if (net.options.classes < 2) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_DATA',
      'the data has one class; a classifier needs two or more to tell apart',
    )
  }
  if (train.length === 0) throw new GoogLeNetError('ERR_GOOGLENET_DATA', 'there are no pictures to train on')
}

function checkCount(name: string, value: number, max?: number): number {
  return checkNumber(name, value, { min: 1, whole: true, ...(max !== undefined && { max }) })
}

function checkPath(name: string, path: unknown): string {
  if (typeof path === 'string' && path !== '') return path
  throw new GoogLeNetError('ERR_GOOGLENET_OPTION', `${name} must be a path, found ${shown(path)}`)
}

function requireFolder(checkpoint: string | undefined): string {
  if (checkpoint !== undefined) return checkpoint
  throw new GoogLeNetError(
    'ERR_GOOGLENET_OPTION',
    "resume: true goes on in the run's folder; name it as checkpoint, or give resume a path",
  )
}
