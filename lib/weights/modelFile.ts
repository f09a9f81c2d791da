import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { LossScale } from '../../binding.js'
import { GoogLeNetError } from '../errors.js'
import type { Variant } from '../models/variants.js'
import { checkModelOptions, type ModelOptions } from '../options.js'
import {
  type Counters,
  checkProgress,
  isBatchCount,
  type Snapshot,
  type StateDict,
  type Tensor,
} from '../tensors.js'
import { type FileTensor, readSafetensors, type SafetensorsFile, writeSafetensors } from './safetensors.js'
import { fromSourceNames, sourceOf, toSourceNames } from './sourceNames.js'

/**
 * What a file of this package holds. `weights` is what `save` writes and PyTorch reads: a state dict, with the
 * network's options beside it (absent in files from elsewhere). `checkpoint` is a training's whole state.
 */
export type ModelFile = WeightsFile | CheckpointFile

export interface WeightsFile {
  kind: 'weights'
  options?: ModelOptions
  /** Under our names. */
  weights: StateDict
  /** The variant whose source's names the file has: torchvision's, or Caffe's (`paper`). */
  source?: Variant
}

export interface CheckpointFile {
  kind: 'checkpoint'
  options: ModelOptions
  snapshot: Snapshot
  /** Where the training was and what it came to: JSON, the business of the training alone. */
  training: unknown
}

/** The content of the metadata entry `googlenet`. */
interface Metadata {
  format: number
  options: ModelOptions
  counters?: Counters
  lossScale?: LossScale | undefined
  training?: unknown
}

/** In a run's folder: the weights of the epoch with the best validation. */
export const bestFile = 'best.safetensors'

const metadataKey = 'googlenet'
const formatVersion = 1

/** Tensors of a checkpoint are called `weights.fc.bias` and so on; those of a state dict have no prefix. */
const sets = ['weights', 'momentum', 'average'] as const

/** The file that a path stands for: for a run's folder its best weights, otherwise itself. */
export async function findModelFile(path: string): Promise<string> {
  const status = await stat(path).catch(() => undefined)
  return status?.isDirectory() ? join(path, bestFile) : path
}

/**
 * Reads a state dict or a checkpoint.
 *
 * @throws ERR_GOOGLENET_WEIGHTS_FORMAT saying what is wrong with the file.
 */
export async function readModelFile(path: string): Promise<ModelFile> {
  const file = await readSafetensors(path)
  const metadata = readMetadata(path, file)
  const tensors = floatTensors(path, file)
  if (![...tensors.keys()].some((name) => name.startsWith('weights.'))) {
    const source = sourceOf(tensors)
    return {
      kind: 'weights',
      ...(metadata ? { options: metadata.options } : {}),
      weights: source ? fromSourceNames(tensors, source) : tensors,
      ...(source && { source }),
    }
  }
  if (metadata?.counters === undefined) throw wrong(path, 'it holds a checkpoint without its counters')
  const { options, counters, lossScale, training } = metadata
  const snapshot: Snapshot = { weights: new Map(), counters, ...(lossScale && { lossScale }) }
  for (const [name, tensor] of tensors) {
    const set = sets.find((prefix) => name.startsWith(`${prefix}.`))
    if (set === undefined) throw wrong(path, `tensor "${name}" belongs to none of ${sets.join(', ')}`)
    snapshot[set] ??= new Map()
    snapshot[set].set(name.slice(set.length + 1), tensor)
  }
  return { kind: 'checkpoint', options, snapshot, training }
}

/**
 * Writes a state dict that PyTorch loads strictly: with `batches` as the count of each BatchNorm, and under the
 * names of the variant's source if these are asked for.
 *
 * @throws ERR_GOOGLENET_IO; what was at `path` stays then.
 */
export async function writeWeightsFile(
  path: string,
  file: { options: ModelOptions; weights: StateDict; batches: number; names?: 'own' | 'source' },
): Promise<void> {
  const tensors = new Map<string, FileTensor>(file.weights)
  for (const name of file.weights.keys()) {
    if (!name.endsWith('.running_mean')) continue
    const count = { shape: [], data: BigInt64Array.of(BigInt(file.batches)) }
    tensors.set(name.replace(/running_mean$/, 'num_batches_tracked'), count)
  }
  const named = file.names === 'source' ? toSourceNames(tensors, file.options.variant) : tensors
  await writeSafetensors(path, named, encodeMetadata({ format: formatVersion, options: file.options }))
}

/** Writes a checkpoint. `training` must survive JSON. @throws ERR_GOOGLENET_IO; what was at `path` stays then. */
export async function writeCheckpointFile(path: string, file: Omit<CheckpointFile, 'kind'>): Promise<void> {
  const { options, snapshot, training } = file
  const tensors = new Map<string, Tensor>()
  for (const set of sets) {
    for (const [name, tensor] of snapshot[set] ?? []) tensors.set(`${set}.${name}`, tensor)
  }
  const { counters, lossScale } = snapshot
  await writeSafetensors(
    path,
    tensors,
    encodeMetadata({ format: formatVersion, options, counters, lossScale, training }),
  )
}

function encodeMetadata({ options, ...rest }: Metadata): Record<string, string> {
  const { variant, classes, labels, channels, imageSize, reduction4d, aux, auxDropout, dropout, seed } =
    options
  const kept = { variant, classes, labels, channels, imageSize, reduction4d, aux, auxDropout, dropout, seed }
  return { [metadataKey]: JSON.stringify({ ...rest, options: kept }) }
}

function readMetadata(path: string, { metadata }: SafetensorsFile): Metadata | undefined {
  const text = metadata[metadataKey]
  if (text === undefined) return undefined
  try {
    const found = JSON.parse(text) as Metadata
    if (found?.format !== formatVersion) {
      throw new Error(`its format is ${found?.format}, this version of the package reads ${formatVersion}`)
    }
    // The same checks as for a new network: a file is no more to be trusted than an argument.
    if (!Array.isArray(found.options?.labels)) throw new Error('it has no labels')
    const options = checkModelOptions({ ...found.options, classes: found.options.labels })
    const { counters, lossScale } = found
    if (counters !== undefined) checkProgress({ counters, lossScale })
    return { ...found, options }
  } catch (cause) {
    throw wrong(path, `its metadata "${metadataKey}" cannot be used: ${(cause as Error).message}`, cause)
  }
}

/** Batch counts are left out: they change nothing that is computed. */
function floatTensors(path: string, { tensors }: SafetensorsFile): StateDict {
  const floats: StateDict = new Map()
  for (const [name, { shape, data }] of tensors) {
    if (isBatchCount(name)) continue
    if (!(data instanceof Float32Array)) {
      throw wrong(path, `tensor "${name}" has dtype I64; weights are F32, F16, BF16 or F64`)
    }
    floats.set(name, { shape, data })
  }
  return floats
}

function wrong(path: string, what: string, cause?: unknown): GoogLeNetError {
  return new GoogLeNetError('ERR_GOOGLENET_WEIGHTS_FORMAT', `${path}: ${what}`, { cause })
}
