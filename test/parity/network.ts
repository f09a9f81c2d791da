import { GoogLeNet, type StateDict } from '../../lib/index.js'
import type { Target } from '../conformance/targets.js'
import type { Fixture } from './fixture.js'
import { images, labels, parameter } from './formula.js'

export function createNetwork(
  { imageSize, classes, reduction4d, aux }: Fixture,
  { device, precision }: Pick<Target, 'device' | 'precision'>,
): Promise<GoogLeNet> {
  const options = { imageSize, classes, reduction4d, aux, auxDropout: 0 }
  return GoogLeNet.create({ ...options, device: device as 'cpu' | 'cuda', precision })
}

/** The formula's values for tensors of these names and shapes. */
export function formulaValues(dict: StateDict): StateDict {
  return new Map([...dict].map(([name, { shape }]) => [name, { shape, data: parameter(name, shape) }]))
}

/** Images and labels of a step. */
export function batchOf({ name, batch, imageSize, classes, tweak }: Fixture, step: number) {
  const shape = [batch, 3, imageSize, imageSize] as const
  const stream = `${name}/${step}`
  return {
    images: { data: images(stream, shape, step === 0 ? tweak : []), shape },
    labels: labels(stream, batch, classes),
  }
}
