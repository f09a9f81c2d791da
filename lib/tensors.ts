import type { LossScale } from '../binding.js'
import { checkNumber, shown } from './checks.js'
import { GoogLeNetError } from './errors.js'

/** Numbers in row-major order: `data.length` is the product of `shape`. */
export interface Tensor {
  shape: readonly number[]
  data: Float32Array
}

/**
 * A network's values by their PyTorch names (`stem_conv.0.weight`, ...): convolution weights as OIHW, linear
 * weights as [out, in], BatchNorm's weight, bias, running_mean and running_var.
 */
export type StateDict = Map<string, Tensor>

/** Updates made and training batches seen: with the seed they are the whole random state. */
export interface Counters {
  steps: number
  batches: number
}

/** All of a network's training state between two updates: restoring it continues bit for bit. */
export interface Snapshot {
  weights: StateDict
  /** The optimizer's; absent before the first step. */
  momentum?: StateDict
  /** The running average of the weights; absent when none is kept. */
  average?: StateDict
  counters: Counters
  /** Of a network that has one: in fp16 on a GPU. */
  lossScale?: LossScale
}

/** @throws ERR_GOOGLENET_OPTION for a number that cannot be right. */
export function checkProgress({
  counters,
  lossScale,
}: {
  counters: Counters
  lossScale?: LossScale | undefined
}): void {
  const count = { min: 0, whole: true }
  checkNumber('steps', counters?.steps, count)
  checkNumber('batches', counters?.batches, count)
  if (lossScale === undefined) return
  const max = 1e9
  checkNumber('lossScale.scale', lossScale?.scale, { min: 1, max })
  checkNumber('lossScale.growing', lossScale?.growing, { ...count, max })
  checkNumber('lossScale.skipped', lossScale?.skipped, { ...count, max })
}

/** A name and a shape that a state dict is expected to hold. */
export interface TensorDescription {
  name: string
  shape: readonly number[]
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1)
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((side, i) => side === b[i])
}

/** PyTorch counts the batches that each BatchNorm has seen; the count changes nothing that is computed here. */
export function isBatchCount(name: string): boolean {
  return name.endsWith('.num_batches_tracked')
}

/**
 * Compares a state dict with what a network expects. Batch counts are neither missing nor unexpected.
 *
 * @throws ERR_GOOGLENET_DTYPE for data that is no Float32Array, ERR_GOOGLENET_SHAPE for a wrong shape or length.
 */
export function compareStateDict(
  dict: StateDict,
  expected: readonly TensorDescription[],
): { missing: string[]; unexpected: string[] } {
  if (!(dict instanceof Map)) {
    throw new GoogLeNetError('ERR_GOOGLENET_DTYPE', `a state dict is a Map of tensors, found ${shown(dict)}`)
  }
  const missing: string[] = []
  for (const { name, shape } of expected) {
    const tensor = dict.get(name)
    if (tensor === undefined) missing.push(name)
    else checkTensor(name, tensor, shape)
  }
  const known = new Set(expected.map(({ name }) => name))
  const unexpected = [...dict.keys()].filter((name) => !known.has(name) && !isBatchCount(name))
  return { missing, unexpected }
}

/**
 * As compareStateDict, and every name must match but the optional ones, which may be missing or unexpected.
 *
 * @throws ERR_GOOGLENET_WEIGHTS_MISSING, ERR_GOOGLENET_WEIGHTS_UNEXPECTED.
 */
export function checkStateDict(
  dict: StateDict,
  expected: readonly TensorDescription[],
  { optional = () => false }: { optional?: (name: string) => boolean } = {},
): { missing: string[]; unexpected: string[] } {
  const names = compareStateDict(dict, expected)
  const missing = names.missing.filter((name) => !optional(name))
  const unexpected = names.unexpected.filter((name) => !optional(name))
  if (missing.length > 0) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_WEIGHTS_MISSING',
      `the state dict lacks ${missing.length} of the network's ${expected.length} tensors: ${listed(missing)}`,
    )
  }
  if (unexpected.length > 0) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_WEIGHTS_UNEXPECTED',
      `the state dict holds ${unexpected.length} tensors that the network does not have: ${listed(unexpected)}`,
    )
  }
  return names
}

function listed(names: readonly string[]): string {
  const most = 5
  return names.slice(0, most).join(', ') + (names.length > most ? `, and ${names.length - most} more` : '')
}

function checkTensor(name: string, tensor: Tensor, shape: readonly number[]): void {
  if (!(tensor.data instanceof Float32Array)) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_DTYPE',
      `${name} must be a tensor with a Float32Array, found ${shown(tensor.data)}`,
    )
  }
  if (!Array.isArray(tensor.shape) || !sameShape(tensor.shape, shape)) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_SHAPE',
      `${name} has shape ${shown(tensor.shape)}, the network's is ${shown([...shape])}`,
    )
  }
  if (tensor.data.length !== elementCount(shape)) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_SHAPE',
      `${name} of shape ${shown([...shape])} holds ${elementCount(shape)} values, found ${tensor.data.length}`,
    )
  }
}
