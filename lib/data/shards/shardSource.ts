import { basename } from 'node:path'
import { checkNumber } from '../../checks.js'
import { lastNotAbove } from '../columns.js'
import type { Skipped } from '../faults.js'
import type { CachedFile, DiskCache } from '../remote/diskCache.js'
import { fetchPart, type HttpOptions } from '../remote/http.js'
import { type SampleIndex, sampleOf } from '../sampleIndex.js'
import type { Sample, SampleSource } from '../source.js'
import { mapAtOnce } from './atOnce.js'
import { WindowOrder } from './windowOrder.js'

/** A tar file of samples: on this machine, or on a server and then in the cache when it is needed. */
export interface Shard {
  /** Where it lies, or will lie, on this machine. */
  path: string
  remote?: CachedFile
  index: SampleIndex
  /** The class of each sample, in the classes of the data set. */
  labels: Uint32Array
}

/** What of shards cannot be used. */
export const faultsOf = (shards: readonly Shard[]): Skipped[] =>
  shards.flatMap(({ path, remote, index }) =>
    index.faults.list(basename(remote ? new URL(remote.url).pathname : path)),
  )

/** Where remote shards come from, and where they are kept. */
export interface RemoteShards {
  cache: DiskCache
  http: HttpOptions
}

/** What the classes are called. */
export type ClassNames = Pick<SampleSource, 'classes' | 'synsets'>

/** The samples of shards, one shard after the other. */
export class ShardSource implements SampleSource {
  readonly classes: readonly string[]
  readonly synsets?: readonly string[]
  readonly length: number
  readonly #shards: readonly Shard[]
  /** Index of the first sample of each shard, and the count of all samples. */
  readonly #starts: Float64Array

  /** `remote` says how to bring the shards here; without it they are on this machine. */
  static of(classes: ClassNames, shards: readonly Shard[], remote?: RemoteShards): SampleSource {
    return remote ? new RemoteShardSource(classes, shards, remote) : new ShardSource(classes, shards)
  }

  protected constructor(classes: ClassNames, shards: readonly Shard[]) {
    this.classes = classes.classes
    if (classes.synsets) this.synsets = classes.synsets
    this.#shards = shards
    this.#starts = new Float64Array(shards.length + 1)
    for (const [i, { labels }] of shards.entries()) this.#starts[i + 1] = this.#starts[i]! + labels.length
    this.length = this.#starts[shards.length]!
  }

  sample(index: number): Sample {
    checkNumber('sample', index, { min: 0, below: this.length, whole: true })
    const { path, offset, length, label, name } = this.placeOf(index)
    return { source: { path, offset, length }, label, name }
  }

  protected placeOf(index: number) {
    const place = lastNotAbove(this.#starts, index)
    const { path, index: shardIndex, labels } = this.#shards[place]!
    const i = index - this.#starts[place]!
    return { path, label: labels[i]!, ...sampleOf(shardIndex, i) }
  }

  protected get starts(): Float64Array {
    return this.#starts
  }

  /** The shards that these samples lie in, and which of them each holds. */
  protected shardsOf(indices: Iterable<number>): Map<Shard, number[]> {
    const wanted = new Map<Shard, number[]>()
    for (const index of indices) {
      const shard = this.#shards[lastNotAbove(this.#starts, index)]!
      const found = wanted.get(shard)
      if (found) found.push(index)
      else wanted.set(shard, [index])
    }
    return wanted
  }
}

/** Parts of shards that are fetched at once. */
const partsAtOnce = 8
/** Calls of ready() whose parts are held: they are asked for right after it. */
const callsHeld = 8

/** Shards that come from a server as they are needed: whole, or where few of their samples are wanted those alone. */
class RemoteShardSource extends ShardSource {
  readonly #remote: RemoteShards
  /** Pictures that came alone, by the index of their samples; of each call the latest is last. */
  readonly #parts: Map<number, Uint8Array>[] = []

  constructor(classes: ClassNames, shards: readonly Shard[], remote: RemoteShards) {
    super(classes, shards)
    this.#remote = remote
  }

  /** Few shards at a time, so that each is brought once an epoch. */
  order(seed: number, epoch: number): WindowOrder {
    return new WindowOrder(seed, epoch, this.starts)
  }

  override sample(index: number): Sample {
    const sample = super.sample(index)
    const part = this.#parts.findLast((parts) => parts.has(index))?.get(index)
    return part ? { ...sample, source: part } : sample
  }

  async ready(indices: Iterable<number>, signal?: AbortSignal, few = false): Promise<void> {
    const { cache, http } = this.#remote
    const whole: CachedFile[] = []
    const alone: { index: number; remote: CachedFile }[] = []
    for (const [{ remote }, wanted] of this.shardsOf(indices)) {
      if (remote === undefined) continue
      const isPart = few && remote.ranges === true && !(await cache.holds(remote))
      if (isPart) alone.push(...wanted.map((index) => ({ index, remote })))
      else whole.push(remote)
    }
    if (whole.length > 0) await cache.obtain(whole, http, signal)
    if (alone.length === 0) return
    const parts = await mapAtOnce(alone, partsAtOnce, async ({ index, remote }) => {
      const { offset: begin, length } = this.placeOf(index)
      return [index, await fetchPart(remote, { begin, length }, http, signal)] as const
    })
    this.#parts.push(new Map(parts))
    if (this.#parts.length > callsHeld) this.#parts.shift()
  }
}
