import { GoogLeNet, type StateDict, type Variant } from '../../lib/index.js'
import { toSourceNames } from '../../lib/weights/sourceNames.js'
import type { Target } from '../conformance/targets.js'
import type { Fixture } from './fixture.js'
import { images, labels, parameter } from './formula.js'

export function createNetwork(
  { variant, imageSize, classes, reduction4d, aux }: Fixture,
  { device, precision }: Pick<Target, 'device' | 'precision'>,
): Promise<GoogLeNet> {
  const options = { variant, imageSize, classes, reduction4d, aux, auxDropout: 0, dropout: 0 }
  return GoogLeNet.create({ ...options, device: device as 'cpu' | 'cuda', precision })
}

/** The formula's values for tensors of these names and shapes; it knows them by the names of their source. */
export function formulaValues(dict: StateDict, variant: Variant = 'seed'): StateDict {
  const names = [...toSourceNames(dict, variant).keys()]
  return new Map(
    [...dict].map(([name, { shape }], i) => [name, { shape, data: parameter(names[i]!, shape) }]),
  )
}

/** Images and labels of a step. */
export function batchOf({ name, batch, imageSize, classes, tweak, scale }: Fixture, step: number) {
  const shape = [batch, 3, imageSize, imageSize] as const
  const stream = `${name}/${step}`
  return {
    images: { data: images(stream, shape, step === 0 ? tweak : []).map((value) => scale * value), shape },
    labels: labels(stream, batch, classes),
  }
}
