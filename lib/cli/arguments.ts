import { type Command, Option } from 'commander'
import type { Precision } from '../../binding.js'
import { checkNumber, type Range } from '../checks.js'
import { type Crops, checkCrops } from '../data/augment.js'
import type { DecodeOptions } from '../data/loader.js'
import type { Variant } from '../models/variants.js'
import type { CreateOptions, RunOptions } from '../options.js'

/** Options of the command line: absent when not given. */
export interface DeviceFlags {
  device?: NonNullable<RunOptions['device']>
  precision?: Precision
  threads?: number
}

export interface NetworkFlags {
  variant?: Variant
  imageSize?: number
  channels?: number
  reduction4d?: number
  aux?: boolean
  auxDropout?: number
  dropout?: number
}

const toNumber = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text))

/** For commander: reads an option's number. @throws ERR_GOOGLENET_OPTION with the option's name. */
export const number =
  (name: string, range: Range) =>
  (text: string): number => {
    const value = toNumber(text)
    return checkNumber(name, Number.isNaN(value) ? text : value, range)
  }

/** For commander: numbers between commas, `length` of them where that is given. */
export const numbers =
  (name: string, range: Range, length?: number) =>
  (text: string): number[] => {
    const parts = text.split(',')
    if (length !== undefined) {
      checkNumber(`the count of numbers in ${name} "${text}"`, parts.length, { min: length, max: length })
    }
    return parts.map((part) => number(name, range)(part))
  }

export const whole = (name: string, min: number) => number(name, { min, whole: true })
export const share = (name: string) => number(name, { min: 0, max: 1 })

/** The options that are there, as the library's functions take them: an option not given is no key. */
export function pick<T extends object, K extends keyof T>(from: T, ...keys: K[]): Pick<T, K> {
  return Object.fromEntries(
    keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]]),
  ) as Pick<T, K>
}

export const deviceOptions = (flags: DeviceFlags): RunOptions => pick(flags, 'device', 'precision', 'threads')

export const networkOptions = (flags: NetworkFlags): CreateOptions =>
  pick(flags, 'variant', 'imageSize', 'channels', 'reduction4d', 'aux', 'auxDropout', 'dropout')

export function addDeviceOptions(command: Command): Command {
  return command
    .option('--device <name>', 'auto, cpu, cuda or cuda:<number>', 'auto')
    .option('--precision <type>', 'fp32; bf16 and fp16 where the device has them', 'fp32')
    .option('--threads <n>', 'threads of the CPU; 0 is every core', whole('--threads', 0), 0)
}

/** How pictures are decoded. */
export function addDecodeOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--quality <kind>', 'of decoding JPEGs').choices(['accurate', 'fast']).default('accurate'),
    )
    .addOption(
      new Option('--orientation <what>', 'with the turn that EXIF asks for')
        .choices(['ignore', 'apply'])
        .default('ignore'),
    )
    .option('--decoder <device>', 'of JPEGs: cpu, or cuda or cuda:<number> with nvJPEG', 'cpu')
}

/** How pictures are judged. */
export interface JudgingFlags extends Required<DecodeOptions> {
  crops: Crops
}

export function addJudgingOptions(command: Command): Command {
  command.option(
    '--crops <n>',
    'images that a picture is judged by: 1, 10 or 144',
    (text) => checkCrops(Number(text)),
    1,
  )
  return addDecodeOptions(command)
}

export const variantHelp = 'the network: seed (when left out), paper, torchvision'

export function addNetworkOptions(command: Command): Command {
  return command
    .option('--variant <name>', variantHelp)
    .option('--image-size <pixels>', 'height and width of the images', whole('--image-size', 64), 224)
    .option('--channels <n>', 'of the images', whole('--channels', 1), 3)
    .option(
      '--reduction4d <n>',
      "width of 4d's 3x3 reduction; 114 when left out in seed, 144 in the others",
      whole('--reduction4d', 1),
    )
    .option(
      '--aux-dropout <p>',
      'dropout in the auxiliary heads; 0.5 when left out in seed, 0.7 in the others',
      number('--aux-dropout', { min: 0, below: 1 }),
    )
    .option(
      '--dropout <p>',
      'dropout before the classifier; when left out 0 in seed, 0.4 in paper, 0.2 in torchvision',
      number('--dropout', { min: 0, below: 1 }),
    )
    .option('--aux', 'with the two auxiliary heads', true)
    .option('--no-aux', 'without the two auxiliary heads')
}
