import type { NamedTensor, Network, TensorSet } from '../binding.js'
import { asGoogLeNetError, GoogLeNetError } from './errors.js'
import { binding } from './native.js'
import { type CheckedOptions, defineNetwork, type ResolvedOptions } from './options.js'
import type { StateDict, TensorDescription } from './tensors.js'

/** A new native network, and the options with the device that it runs on: for `auto`, the best there is. */
export async function startNetwork(
  checked: CheckedOptions,
): Promise<{ native: Network; options: ResolvedOptions }> {
  const { device, ...rest } = checked
  const start = async (options: ResolvedOptions) => ({ native: await createNetwork(options), options })
  if (device !== 'auto') return start({ ...rest, device })
  try {
    return await start({ ...rest, device: 'cuda' })
  } catch (error) {
    if (!(error instanceof GoogLeNetError) || error.code !== 'ERR_GOOGLENET_DEVICE') throw error
    return start({ ...rest, device: 'cpu' })
  }
}

export async function createNetwork(options: ResolvedOptions): Promise<Network> {
  const { device, precision, seed, threads } = options
  try {
    return await binding.Network.create(defineNetwork(options), { device, precision, seed, threads })
  } catch (error) {
    throw asGoogLeNetError(error, 'ERR_GOOGLENET_NATIVE', 'cannot create the network')
  }
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
