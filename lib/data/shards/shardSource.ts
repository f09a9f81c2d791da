import { basename } from 'node:path'
import { checkNumber } from '../../checks.js'
import { lastNotAbove } from '../columns.js'
import type { Skipped } from '../faults.js'
import type { CachedFile, DiskCache } from '../remote/diskCache.js'
import type { HttpOptions } from '../remote/http.js'
import { type SampleIndex, sampleOf } from '../sampleIndex.js'
import type { Sample, SampleSource } from '../source.js'
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
    const place = lastNotAbove(this.#starts, index)
    const { path, index: shardIndex, labels } = this.#shards[place]!
    const i = index - this.#starts[place]!
    const { offset, length, name } = sampleOf(shardIndex, i)
    return { source: { path, offset, length }, label: labels[i]!, name }
  }

  protected get starts(): Float64Array {
    return this.#starts
  }

  /** The shards that these samples lie in. */
  protected shardsOf(indices: Iterable<number>): Shard[] {
    const places = new Set<number>()
    for (const index of indices) places.add(lastNotAbove(this.#starts, index))
    return Array.from(places, (place) => this.#shards[place]!)
  }
}

/** Shards that come from a server as they are needed. */
class RemoteShardSource extends ShardSource {
  readonly #remote: RemoteShards

  constructor(classes: ClassNames, shards: readonly Shard[], remote: RemoteShards) {
    super(classes, shards)
    this.#remote = remote
  }

  /** Few shards at a time, so that each is brought once an epoch. */
  order(seed: number, epoch: number): WindowOrder {
    return new WindowOrder(seed, epoch, this.starts)
  }

  async ready(indices: Iterable<number>, signal?: AbortSignal): Promise<void> {
    const files = this.shardsOf(indices).flatMap(({ remote }) => remote ?? [])
    await this.#remote.cache.obtain(files, this.#remote.http, signal)
  }
}
