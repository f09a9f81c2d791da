import type { NamedTensor, Network, TensorSet } from '../binding.js'
import { asGoogLeNetError, GoogLeNetError } from './errors.js'
import { binding } from './native.js'
import { type CheckedOptions, type Device, defineNetwork, type ResolvedOptions } from './options.js'
import type { StateDict, TensorDescription } from './tensors.js'

/** A new native network, and the options with the device that it runs on: for `auto`, the best there is. */
export async function startNetwork(
  checked: CheckedOptions,
): Promise<{ native: Network; options: ResolvedOptions }> {
  const native = await createNetwork(checked)
  const { passedOver } = native
  warnOnce(passedOver && `the network runs on the CPU although there is a GPU: ${passedOver}`)
  return { native, options: { ...checked, device: native.device as Device } }
}

export async function createNetwork(options: CheckedOptions): Promise<Network> {
  const { device, precision, seed, threads, tf32, deterministic, tune, planCache } = options
  const run = { device, precision, seed, threads, tf32, deterministic, tune, planCache }
  try {
    return await binding.Network.create(defineNetwork(options), run)
  } catch (error) {
    throw asGoogLeNetError(error, 'ERR_GOOGLENET_NATIVE', 'cannot create the network')
  }
}

const warned = new Set([''])

/** Each text once; an empty one never. */
export function warnOnce(text: string): void {
  if (warned.has(text)) return
  warned.add(text)
  process.emitWarning(text, 'GoogLeNetWarning')
}

/** Empty when there are none of that set yet. */
export async function findTensors(native: Network, set: TensorSet): Promise<StateDict> {
  const tensors = await native.getTensors(set)
  return new Map(tensors.map(({ name, shape, data }) => [name, { shape, data }]))
}

/** @throws ERR_GOOGLENET_OPTION when there are none of that set yet. */
export async function getTensors(
  native: Network,
  set: 'weights' | 'average' | 'gradients',
): Promise<StateDict> {
  const dict = await findTensors(native, set)
  if (dict.size > 0) return dict
  const needed = set === 'average' ? 'train with averageDecay above 0 first' : 'make a training step first'
  throw new GoogLeNetError('ERR_GOOGLENET_OPTION', `the network has no ${set} yet; ${needed}`)
}

/** Sets those of the tensors described that the dict holds, and passes over the others. */
export async function setTensors(
  native: Network,
  set: 'weights' | 'momentum' | 'average',
  dict: StateDict,
  described: readonly TensorDescription[],
): Promise<void> {
  const tensors = described.flatMap(({ name, shape }): NamedTensor[] => {
    const tensor = dict.get(name)
    return tensor ? [{ name, shape: [...shape], data: tensor.data }] : []
  })
  await native.setTensors(set, tensors)
}
