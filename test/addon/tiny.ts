import type { BatchData, Network, NetworkDefinition, NetworkOptions, StepOptions } from '../../binding.js'
import { binding } from '../../lib/native.js'

/** A network of one layer of each common kind for 16x16 images. */
export function tinyDefinition(classes = 5): NetworkDefinition {
  return {
    input: { channels: 3, height: 16, width: 16, mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] },
    layers: [
      {
        kind: 'convolution',
        name: 'conv',
        input: 'input',
        outChannels: 8,
        kernel: 3,
        stride: 1,
        padding: 1,
        bias: true,
      },
      { kind: 'batchNorm', name: 'norm', input: 'conv', epsilon: 1e-5, momentum: 0.1 },
      { kind: 'relu', name: 'relu', input: 'norm' },
      { kind: 'maxPool', name: 'pool', input: 'relu', kernel: 2, stride: 2, padding: 0 },
      { kind: 'linear', name: 'head', input: 'pool', outFeatures: classes, bias: true },
    ],
    heads: [{ layer: 'head', lossWeight: 1 }],
  }
}

export const tinyOptions: NetworkOptions = { device: 'cpu', precision: 'fp32', seed: 7, threads: 2 }

export const evalForward = { mode: 'eval', weights: 'weights' } as const

export const step: StepOptions = {
  learningRate: 0.05,
  momentum: 0.9,
  weightDecay: 1e-4,
  nesterov: false,
  labelSmoothing: 0,
  averageDecay: 0,
  accumulate: { index: 0, count: 1 },
}

export async function tinyNetwork(classes = 5): Promise<Network> {
  return binding.Network.create(tinyDefinition(classes), tinyOptions)
}

/** `count` images that `seed` tells apart. */
export function tinyBatch(count = 4, seed = 1): BatchData & { data: Float32Array } {
  const data = Float32Array.from({ length: count * 3 * 16 * 16 }, (_, i) => Math.sin(i * 0.37 * seed + seed))
  return { data, shape: [count, 3, 16, 16], layout: 'nchw' }
}

export function tinyLabels(count = 4): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => i % 5)
}

/** The weights by name, as plain numbers. */
export async function weightsOf(network: Network): Promise<Record<string, number[]>> {
  const tensors = await network.getTensors('weights')
  return Object.fromEntries(tensors.map(({ name, data }) => [name, [...data]]))
}
