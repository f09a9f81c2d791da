import { join } from 'node:path'
import type { NetworkDefinition, Precision } from '../binding.js'
import { cacheFolder } from './cacheFolder.js'
import { checkBoolean, checkChoice, checkNumber, shown } from './checks.js'
import { GoogLeNetError } from './errors.js'
import type { VariantOptions } from './models/body.js'
import { type Variant, variantNames, variants } from './models/variants.js'

/** `cuda` is the first GPU, `cuda:1` the second. */
export type Device = 'cpu' | 'cuda' | `cuda:${number}`

/** Where and how a network runs. */
export interface RunOptions {
  /** `auto`, the default, is a GPU where there is one that can be used, and otherwise the CPU. */
  device?: 'auto' | Device
  /** `fp32` by default; `bf16` and `fp16` where the device has them. */
  precision?: Precision
  /** Threads of the CPU; 0, the default, means every core that the process may use. */
  threads?: number
  /** On a GPU in `fp32`: products may round their factors to TF32, which is several times as fast. Off by default. */
  tf32?: boolean
  /** On a GPU: only what gives the same bits each time, which may be slower. Off by default; the CPU always does. */
  deterministic?: boolean
  /** On a GPU: times each convolution's algorithms once, instead of taking what cuDNN thinks best. Off by default. */
  tune?: boolean
  /** The file that keeps what was found by timing: by default in `$XDG_CACHE_HOME/googlenet` or `~/.cache/googlenet`. */
  planCache?: string
}

export interface CreateOptions extends RunOptions {
  /**
   * `seed`, the default: BatchNorm after every convolution, as PyTorch code usually has it. `paper`: BVLC Caffe's
   * bvlc_googlenet, with LRN. `torchvision`: torchvision's googlenet.
   */
  variant?: Variant
  /** How many, or their names, which become the labels. 1000 by default. */
  classes?: number | readonly string[]
  /** Of the images; 3 by default. */
  channels?: number
  /** Height and width of the images, 64 or more; 224 by default. */
  imageSize?: number
  /** Width of the reduction before 4d's 3x3 convolution: 144 by default as in the paper, 114 in `seed`. */
  reduction4d?: number
  /** Whether there are auxiliary heads; there are by default. */
  aux?: boolean
  /** Share of values dropped in the auxiliary heads while training; 0.5 by default in `seed`, 0.7 in the others. */
  auxDropout?: number
  /** The same before the classifier; 0 by default in `seed`, 0.4 in `paper`, 0.2 in `torchvision`. */
  dropout?: number
  /** Of the initial weights and of dropout; 0 by default. */
  seed?: number
}

/** What defines a network, whatever it runs on: kept in its files. */
export interface ModelOptions extends Readonly<VariantOptions> {
  readonly variant: Variant
  /** One for each class: the names given, or its number. */
  readonly labels: readonly string[]
  readonly seed: number
}

export interface ResolvedOptions extends ModelOptions {
  /** The one that was found: `cpu`, or a GPU with its number. */
  readonly device: Device
  readonly precision: Precision
  readonly threads: number
  readonly tf32: boolean
  readonly deterministic: boolean
  readonly tune: boolean
  readonly planCache: string
}

/**
 * Steps and forward passes that may be under way: a GPU makes one and has the next; a third waits for the moment in
 * which the first ends, as JavaScript would learn of that too late to give another.
 */
export const stepsAtOnce = (device: Device): number => (device === 'cpu' ? 1 : 3)

/** Options checked and completed; the device is still as asked for. */
export type CheckedOptions = ModelOptions & Required<RunOptions>

/** @throws ERR_GOOGLENET_OPTION naming the option, what it may be and what was found. */
export function checkModelOptions(options: CreateOptions): ModelOptions {
  if (typeof options !== 'object' || options === null) {
    throw new GoogLeNetError('ERR_GOOGLENET_OPTION', `options must be an object, found ${shown(options)}`)
  }
  const { classes = 1000 } = options
  const labels = typeof classes === 'number' ? numberedLabels(classes) : namedLabels(classes)
  const variant = checkChoice('variant', options.variant ?? 'seed', variantNames)
  const { defaults } = variants[variant]
  return {
    variant,
    classes: labels.length,
    labels,
    // The upper bounds are far from any use; they keep a slip from taking the machine's memory.
    channels: checkNumber('channels', options.channels ?? 3, { min: 1, max: 1024, whole: true }),
    imageSize: checkImageSize(options.imageSize ?? 224),
    reduction4d: checkNumber('reduction4d', options.reduction4d ?? defaults.reduction4d, {
      min: 1,
      max: 4096,
      whole: true,
    }),
    aux: checkBoolean('aux', options.aux ?? true),
    auxDropout: checkNumber('auxDropout', options.auxDropout ?? defaults.auxDropout, { min: 0, below: 1 }),
    dropout: checkNumber('dropout', options.dropout ?? defaults.dropout, { min: 0, below: 1 }),
    seed: checkNumber('seed', options.seed ?? 0, { min: 0, whole: true }),
  }
}

/** @throws ERR_GOOGLENET_OPTION. */
export function checkImageSize(size: unknown, name = 'imageSize'): number {
  return checkNumber(name, size, { min: 64, max: 16384, whole: true })
}

/** @throws ERR_GOOGLENET_OPTION. Whether the machine has the device and the precision is found when it is used. */
export function checkRunOptions(options: RunOptions): Required<RunOptions> {
  return {
    device: checkDevice(options.device ?? 'auto'),
    precision: checkChoice('precision', options.precision ?? 'fp32', ['fp32', 'bf16', 'fp16']),
    threads: checkNumber('threads', options.threads ?? 0, { min: 0, max: 1024, whole: true }),
    tf32: checkBoolean('tf32', options.tf32 ?? false),
    deterministic: checkBoolean('deterministic', options.deterministic ?? false),
    tune: checkBoolean('tune', options.tune ?? false),
    planCache: checkPath('planCache', options.planCache ?? join(cacheFolder(), 'cudnn-plans')),
  }
}

/** @throws ERR_GOOGLENET_OPTION, ERR_GOOGLENET_SHAPE for what only the layers know. */
export function defineNetwork(options: ModelOptions): NetworkDefinition {
  return variants[options.variant].define(options)
}

const classRange = { min: 1, max: 100_000, whole: true }

function numberedLabels(classes: number): readonly string[] {
  checkNumber('classes', classes, classRange)
  return Object.freeze(Array.from({ length: classes }, (_, i) => String(i)))
}

function namedLabels(names: unknown): readonly string[] {
  const refuse = (what: string) =>
    new GoogLeNetError('ERR_GOOGLENET_OPTION', `classes must be a number or a list of names; ${what}`)
  if (!Array.isArray(names)) throw refuse(`found ${shown(names)}`)
  checkNumber('the number of classes', names.length, classRange)
  const seen = new Set<string>()
  for (const [i, name] of names.entries()) {
    if (typeof name !== 'string' || name === '') throw refuse(`name ${i} is ${shown(name)}`)
    if (seen.has(name)) throw refuse(`the name ${shown(name)} appears twice`)
    seen.add(name)
  }
  return Object.freeze([...seen])
}

function checkPath(name: string, path: unknown): string {
  if (typeof path === 'string' && path !== '') return path
  throw new GoogLeNetError('ERR_GOOGLENET_OPTION', `${name} must be the path of a file, found ${shown(path)}`)
}

export const isDevice = (device: unknown): device is Device =>
  typeof device === 'string' && /^(cpu|cuda(:\d{1,3})?)$/.test(device)

function checkDevice(device: unknown): 'auto' | Device {
  if (device === 'auto' || isDevice(device)) return device
  throw new GoogLeNetError(
    'ERR_GOOGLENET_OPTION',
    `device must be 'auto', 'cpu', 'cuda' or 'cuda:<number>', found ${shown(device)}`,
  )
}
