import { createHash } from 'node:crypto'
import type { DataSet } from '../../lib/data/source.js'
import type { CreateOptions } from '../../lib/index.js'
import { GoogLeNet } from '../../lib/network.js'
import type { Snapshot } from '../../lib/tensors.js'
import type { TrainEvent } from '../../lib/training/events.js'
import { type TrainOptions, train } from '../../lib/training/train.js'

export type EventOf<T extends TrainEvent['type']> = Extract<TrainEvent, { type: T }>

/** The smallest network that trains, for data with named classes. */
export function smallNet(classes: readonly string[], options: CreateOptions = {}): Promise<GoogLeNet> {
  return GoogLeNet.create({ classes, imageSize: 64, aux: false, seed: 1, device: 'cpu', ...options })
}

export async function collect(
  net: GoogLeNet,
  data: DataSet,
  options: TrainOptions,
  onEvent: (event: TrainEvent) => void = () => {},
): Promise<TrainEvent[]> {
  const events: TrainEvent[] = []
  for await (const event of train(net, data, options)) {
    events.push(event)
    onEvent(event)
  }
  return events
}

export function ofType<T extends TrainEvent['type']>(events: readonly TrainEvent[], type: T): EventOf<T>[] {
  return events.filter((event): event is EventOf<T> => event.type === type)
}

/** What depends neither on the clock nor on the place of the files. */
export function timeless(value: unknown): unknown {
  const left = new Set(['seconds', 'secondsLeft', 'imagesPerSecond', 'path'])
  return JSON.parse(JSON.stringify(value, (key, found) => (left.has(key) ? undefined : found)))
}

/** A digest of every bit of a snapshot, and its counters and loss scale. */
export function digest({ counters, lossScale, ...sets }: Snapshot): Record<string, unknown> {
  const bits = Object.entries(sets).map(([set, dict]) => {
    const hash = createHash('sha256')
    for (const name of [...dict.keys()].sort()) {
      const { data } = dict.get(name)!
      hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    }
    return [set, hash.digest('hex')]
  })
  return { counters, lossScale, ...Object.fromEntries(bits) }
}
