import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder } from '../../cacheFolder.js'
import { GoogLeNetError } from '../../errors.js'
import { type CachedFile, DiskCache } from '../remote/diskCache.js'
import { describeRemote, type HttpOptions } from '../remote/http.js'
import type { DataSet, SampleSource } from '../source.js'
import { Subset, splitByClass } from '../split.js'
import { mapAtOnce } from './atOnce.js'
import { type ClassOptions, type IndexedShard, labelSamples } from './classes.js'
import { openRemoteIndex, openShardIndex } from './shardIndexes.js'
import { expandShards, isUrl, partShards } from './shardNames.js'
import { faultsOf, type RemoteShards, type Shard, ShardSource } from './shardSource.js'

/** Where what comes from servers is kept, and how it is fetched. */
export interface RemoteOptions extends HttpOptions {
  /** `$XDG_CACHE_HOME/googlenet/shards` by default. */
  cache?: string
  /** Bytes that the cache may take; half of the free space by default. */
  cacheLimit?: number
}

export interface ShardOptions extends ClassOptions {
  /** Shards of the validation part, where their names don't tell. */
  validation?: string
  /** Share of each class that is kept for validation where there are no shards of it. */
  split?: { validation: number }
  seed?: number
  remote?: RemoteOptions
  /** Shards whose index has been read or made, of all. */
  onProgress?: (done: number, shards: number) => void
  signal?: AbortSignal
}

/** Shards that are indexed at once. */
const indexedAtOnce = 4

/**
 * WebDataset shards: a folder that holds `*.tar`, or a list as `/data/train-{0000..0146}.tar` or
 * `https://host/train-{0000..0146}.tar`. The first time each tar is read once for its index (one from a server is
 * fetched for that, unless `<tar>.samples` is beside it), later its index is. Of a tar that is damaged or ends early the samples that are whole are used;
 * what is lost is in `skipped`.
 *
 * @throws ERR_GOOGLENET_DATA, ERR_GOOGLENET_OPTION, ERR_GOOGLENET_IO, ERR_GOOGLENET_ABORTED.
 */
export async function openShards(list: string, options: ShardOptions = {}): Promise<DataSet> {
  const all = await listShards(list)
  const parts = options.validation
    ? { train: all, validation: await listShards(options.validation) }
    : partShards(all)
  // Shards of validation alone are evaluated, or trained on, as what they are: all there is.
  const train = parts.train.length > 0 ? parts.train : parts.validation
  const validation = parts.train.length > 0 ? parts.validation : []
  const names = [...train, ...validation]
  const remote = names.some(isUrl) ? await openRemote(options.remote) : undefined
  const indexed = await openIndexes(names, remote, options)
  const { classes, labels } = await labelSamples(indexed, options)
  const shards: Shard[] = indexed.map((shard, i) => ({ ...shard, labels: labels[i]! }))
  const part = (begin: number, end: number): SampleSource => {
    const own = shards.slice(begin, end)
    return ShardSource.of({ classes }, own, own.some((shard) => shard.remote) ? remote : undefined)
  }
  const data = await splitWhole(part(0, train.length), part(train.length, names.length), options)
  return { ...data, skipped: faultsOf(shards) }
}

/** Keeps a share for validation where none came along. */
export async function splitWhole(
  train: SampleSource,
  validation: SampleSource,
  { split, seed = 0 }: Pick<ShardOptions, 'split' | 'seed'>,
): Promise<DataSet> {
  const { classes } = train
  if (validation.length > 0) return { classes, train, validation }
  if (split) return { classes, ...(await splitByClass(train, split.validation, seed)) }
  return { classes, train, validation: new Subset(train, new Uint32Array(0)) }
}

export async function openRemote(options: RemoteOptions = {}): Promise<RemoteShards> {
  const { cache = join(cacheFolder(), 'shards'), cacheLimit, ...http } = options
  return { cache: await DiskCache.open(cache, cacheLimit), http }
}

/** The shards of a list, or of a folder. @throws ERR_GOOGLENET_DATA when there are none. */
async function listShards(list: string): Promise<string[]> {
  const names = expandShards(list)
  const [only] = names
  if (names.length > 1 || only === undefined || /\.tar$/i.test(only) || isUrl(only)) return names
  const entries = await readdir(only).catch((cause) => {
    throw new GoogLeNetError('ERR_GOOGLENET_DATA', `${only}: it is neither a tar nor a folder of tars`, {
      cause,
    })
  })
  const tars = entries.filter((name) => /\.tar$/i.test(name) && !name.startsWith('.')).sort()
  if (tars.length === 0) throw new GoogLeNetError('ERR_GOOGLENET_DATA', `${only}: it holds no *.tar`)
  return tars.map((name) => join(only, name))
}

type OpenedShard = IndexedShard & { remote?: CachedFile }

async function openIndexes(
  names: readonly string[],
  remote: RemoteShards | undefined,
  { onProgress, signal }: ShardOptions,
): Promise<OpenedShard[]> {
  let done = 0
  return mapAtOnce(names, indexedAtOnce, async (name) => {
    const shard = isUrl(name)
      ? await openRemoteShard(name, remote!, signal)
      : await openLocalShard(name, signal)
    onProgress?.(++done, names.length)
    return shard
  })
}

const openLocalShard = async (path: string, signal?: AbortSignal): Promise<OpenedShard> => ({
  path,
  index: await openShardIndex(path, signal),
})

async function openRemoteShard(
  url: string,
  shards: RemoteShards,
  signal?: AbortSignal,
): Promise<OpenedShard> {
  const remote = await describeRemote(url, shards.http, signal)
  return { path: shards.cache.pathOf(remote), remote, index: await openRemoteIndex(remote, shards, signal) }
}
