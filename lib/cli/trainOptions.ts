import { type Command, Option } from 'commander'
import { checkNumber } from '../checks.js'
import { type AugmentOptions, interpolations } from '../data/augment.js'
import type { Device } from '../options.js'
import type { ImageSizeStage } from '../training/options.js'
import type { Schedule } from '../training/schedules.js'
import type { TrainOptions } from '../training/train.js'
import {
  addDecodeOptions,
  type DeviceFlags,
  type NetworkFlags,
  number,
  numbers,
  pick,
  share,
  whole,
} from './arguments.js'
import type { DataFlags } from './dataOptions.js'

const schedules = ['constant', 'step', 'linear', 'cosine', 'polynomial'] as const

/** What `train` takes on the command line. */
export interface TrainFlags extends NetworkFlags, DeviceFlags, Omit<DataFlags, 'validation'> {
  data?: string
  out: string
  resume?: boolean
  from?: string
  epochs: number
  batchSize: number
  lr: number
  schedule: (typeof schedules)[number]
  finalLr: number
  power: number
  warmup: number
  momentum: number
  weightDecay: number
  nesterov?: boolean
  labelSmoothing: number
  ema: number
  accumulate: number
  seed: number
  /** A share of the pictures, or where those for validation are. */
  validation: number | string
  area: [number, number]
  aspect: [number, number]
  flip: number
  jitter: [brightness: number, contrast: number, saturation: number, hue?: number]
  lighting: number
  interpolation: NonNullable<AugmentOptions['interpolation']>
  progressive?: ImageSizeStage[]
  quality: 'accurate' | 'fast'
  orientation: 'ignore' | 'apply'
  decoder: Device
  onError: 'skip' | 'throw'
  loaderThreads: number
  keep: number
  checkpointEvery?: number
  reportEvery: number
  json?: boolean
}

const below1 = { min: 0, below: 1 }
const positive = { min: 0 }

export function addOptimizerOptions(command: Command): Command {
  return command
    .optionsGroup('Training:')
    .option('--epochs <n>', 'times through the pictures', whole('--epochs', 1), 30)
    .option('--batch-size <n>', 'pictures in a step', whole('--batch-size', 1), 32)
    .option('--lr <rate>', 'learning rate at its highest', number('--lr', positive), 0.02)
    .addOption(
      new Option('--schedule <kind>', 'how the learning rate goes').choices(schedules).default('linear'),
    )
    .option(
      '--final-lr <rate>',
      'where it ends, but for constant and step',
      number('--final-lr', positive),
      0,
    )
    .option('--power <p>', 'of the polynomial schedule', number('--power', positive), 0.5)
    .option('--warmup <epochs>', 'epochs in which the rate rises from 0', number('--warmup', positive), 0)
    .option('--momentum <m>', 'of SGD', number('--momentum', below1), 0.9)
    .option('--weight-decay <d>', 'L2 penalty', number('--weight-decay', positive), 0.0001)
    .option('--nesterov', "Nesterov's momentum")
    .option('--label-smoothing <s>', 'target spread over all classes', number('--label-smoothing', below1), 0)
    .option(
      '--ema <decay>',
      'running average of the weights, and use it; 0: none',
      number('--ema', below1),
      0,
    )
    .option('--accumulate <n>', 'batches summed up to one step', whole('--accumulate', 1), 1)
    .option('--seed <n>', 'decides weights, order and augmentation', whole('--seed', 0), 1)
}

/** The paper's distortions come as 0.5,0.5,0.5. */
function jitterOf(text: string): number[] {
  const factors = numbers('--jitter', positive)(text)
  checkNumber(`the count of numbers in --jitter "${text}"`, factors.length, { min: 3, max: 4 })
  return factors
}

/** Stages of the size of images; how far they must fit is checked with the other training options. */
function stagesOf(text: string): ImageSizeStage[] {
  return text.split(',').map((stage) => {
    const [untilEpoch = '', imageSize = ''] = stage.split(':')
    const read = whole(`each <epochs:pixels> of --progressive, as in 10:128,`, 1)
    return { untilEpoch: read(untilEpoch), imageSize: read(imageSize) }
  })
}

const shareOrPath = (text: string): number | string =>
  Number.isNaN(Number(text)) ? text : share('--validation')(text)

export function addPictureOptions(command: Command): Command {
  const range = (flags: string, text: string, read: (text: string) => number[]) =>
    new Option(flags, text).argParser(read)
  return addDecodeOptions(command.optionsGroup('Pictures:'))
    .option(
      '--validation <share or path>',
      'kept for validation if there is no val/; or where those pictures are',
      shareOrPath,
      0.1,
    )
    .addOption(
      range(
        '--area <from,to>',
        'share of the picture in a crop',
        numbers('--area', { min: 0, max: 1 }, 2),
      ).default([0.08, 1], '0.08,1'),
    )
    .addOption(
      range('--aspect <from,to>', 'aspect ratio of a crop', numbers('--aspect', positive, 2)).default(
        [3 / 4, 4 / 3],
        '3/4,4/3',
      ),
    )
    .option('--flip <p>', 'probability of mirroring', share('--flip'), 0.5)
    .addOption(
      range(
        '--jitter <b,c,s[,h]>',
        'of brightness, contrast, saturation, hue (a share of a full turn)',
        jitterOf,
      ).default([0, 0, 0], 'none'),
    )
    .option('--lighting <deviation>', "AlexNet's PCA lighting", number('--lighting', positive), 0)
    .addOption(
      new Option('--interpolation <kind>', 'of the crops').choices(interpolations).default('bilinear'),
    )
    .addOption(
      new Option(
        '--progressive <epochs:pixels,...>',
        'other sizes of images first: 10:128,20:176 is 128 for ten epochs, then 176 for ten',
      ).argParser(stagesOf),
    )
    .addOption(
      new Option('--on-error <what>', 'with an unreadable picture')
        .choices(['skip', 'throw'])
        .default('skip'),
    )
    .option('--loader-threads <n>', 'that decode; 0: as many as suit', whole('--loader-threads', 0), 0)
}

export function addRunOptions(command: Command): Command {
  return command
    .optionsGroup('Output:')
    .option('--keep <n>', 'checkpoints kept', whole('--keep', 1), 3)
    .option('--checkpoint-every <steps>', 'save in mid-epoch too', whole('--checkpoint-every', 1))
    .option('--report-every <steps>', 'steps between two figures', whole('--report-every', 1), 10)
    .option('--json', 'events as JSON lines, and nothing else on standard output')
}

/** The library's options for what was given. */
export function trainOptions(flags: TrainFlags, signal: AbortSignal): TrainOptions & { checkpoint: string } {
  const [brightness, contrast, saturation, hue = 0] = flags.jitter
  return {
    ...pick(
      flags,
      'epochs',
      'batchSize',
      'momentum',
      'weightDecay',
      'nesterov',
      'labelSmoothing',
      'accumulate',
    ),
    ...pick(flags, 'quality', 'orientation', 'decoder'),
    ...(flags.progressive && { imageSize: flags.progressive }),
    ...pick(flags, 'seed', 'loaderThreads', 'reportEvery', 'keep', 'checkpointEvery', 'resume', 'onError'),
    averageDecay: flags.ema,
    schedule: scheduleOf(flags),
    augment: {
      ...pick(flags, 'area', 'aspect', 'flip', 'lighting', 'interpolation'),
      jitter: { brightness, contrast, saturation, hue },
    },
    checkpoint: flags.out,
    signal,
  }
}

function scheduleOf({ schedule, lr, finalLr, power, warmup }: TrainFlags): Schedule {
  const rising = { learningRate: lr, warmupEpochs: warmup }
  const falling = { ...rising, finalLearningRate: finalLr }
  switch (schedule) {
    case 'constant':
    case 'step':
      return { kind: schedule, ...rising }
    case 'cosine':
      return { kind: 'cosine', ...falling }
    case 'linear':
      return { kind: 'polynomial', power: 1, ...falling }
    case 'polynomial':
      return { kind: 'polynomial', power, ...falling }
  }
}
