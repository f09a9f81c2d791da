import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { asGoogLeNetError, GoogLeNetError } from '../../errors.js'
import { count } from '../../report/format.js'
import { Faults, type Skipped } from '../faults.js'
import type { CachedFile } from '../remote/diskCache.js'
import { describeRemote, fetchWhole, withoutSecrets } from '../remote/http.js'
import { cutIndex, decodeSampleIndex, type SampleIndex } from '../sampleIndex.js'
import type { DataSet, SampleSource } from '../source.js'
import { mapAtOnce } from './atOnce.js'
import {
  indexName,
  manifestName,
  type PackedShard,
  type PackManifest,
  type PackPart,
  parseManifest,
  readManifest,
} from './manifest.js'
import { readShard } from './shardIndexes.js'
import { faultsOf, type RemoteShards, type Shard, ShardSource } from './shardSource.js'

/** Indexes that are read at once. */
const openedAtOnce = 8
const mostManifestBytes = 256 * 2 ** 20

/**
 * A folder that `pack` wrote. Its indexes are read, its pictures are not touched. Of a shard that ends early the samples
 * that are whole are used, one whose index is damaged or missing is read itself; `skipped` says what is lost by it.
 *
 * @throws ERR_GOOGLENET_DATA when it is not finished, or a shard is missing, longer than it was written or without a
 * whole sample.
 */
export async function openPacked(folder: string): Promise<DataSet> {
  const manifest = checkComplete(await readManifest(folder), folder)
  return openParts(manifest, async (shard) => {
    const path = join(folder, shard.name)
    const size = (await stat(path).catch(() => undefined))?.size ?? 0
    const index = await readShardIndex(join(folder, indexName(shard)))
    if (typeof index === 'object') return { path, index: checkLength(index, shard, size, path) }
    if (size === 0 || size > shard.bytes) throw otherLength(path, size, shard)
    const made = await readShard(path)
    made.faults.add(indexName(shard), `${index}: of this shard the pictures are called by their numbers`)
    return { path, index: made }
  })
}

/** The index, or why it cannot be used. */
async function readShardIndex(file: string): Promise<SampleIndex | string> {
  try {
    return decodeSampleIndex(await readFile(file))
  } catch (error) {
    return error instanceof GoogLeNetError ? error.message : 'cannot be read'
  }
}

/**
 * The same on a server; `url` is the folder's or its pack.json's. The indexes are fetched, the shards when they are
 * needed, and both are checked by their MD5.
 *
 * @throws ERR_GOOGLENET_IO, and ERR_GOOGLENET_DATA as `openPacked`.
 */
export async function openRemotePack(
  url: string,
  remote: RemoteShards,
  signal?: AbortSignal,
): Promise<DataSet> {
  const base = new URL(url.endsWith(manifestName) ? '.' : url.endsWith('/') ? url : `${url}/`, url)
  const address = (name: string) => Object.assign(new URL(name, base), { search: new URL(url).search }).href
  const { cache, http } = remote
  const text = await fetchWhole(address(manifestName), mostManifestBytes, http, signal)
  const manifest = checkComplete(parseManifest(text.toString('utf8'), url), url)
  const open = async (shard: PackedShard) => {
    const described = await describeRemote(address(shard.name), http, signal)
    const kept = { url: address(indexName(shard)), size: shard.index.bytes, md5: shard.index.md5 }
    const read = await fetchIndex(remote, kept, signal)
    const index = checkLength(read, shard, described.size, withoutSecrets(described.url))
    const { url, size, ranges = false } = described
    // The MD5 says more than an ETag, which another server has otherwise.
    const file = size === shard.bytes ? { url, size, ranges, md5: shard.md5 } : described
    return { path: cache.pathOf(file), remote: file, index }
  }
  return openParts(manifest, open, remote)
}

async function fetchIndex(
  { cache, http }: RemoteShards,
  file: CachedFile,
  signal?: AbortSignal,
): Promise<SampleIndex> {
  await cache.obtain([file], http, signal)
  return decodeIndex(await readFile(cache.pathOf(file)), withoutSecrets(file.url))
}

function decodeIndex(bytes: Buffer<ArrayBuffer>, where: string): SampleIndex {
  try {
    return decodeSampleIndex(bytes)
  } catch (error) {
    const { message } = asGoogLeNetError(error, 'ERR_GOOGLENET_DATA', '')
    throw dataError(where, `${message}; copy or pack the folder again`)
  }
}

/** The index as far as the shard, which has `size` bytes, is there. */
function checkLength(index: SampleIndex, shard: PackedShard, size: number, where: string): SampleIndex {
  if (index.bytes !== shard.bytes)
    throw dataError(where, 'its index is of another tar; copy or pack it again')
  if (size === shard.bytes) return index
  const cut = size < shard.bytes ? cutIndex(index, size) : undefined
  if (cut === undefined || cut.blocks.length === 0) {
    throw otherLength(where, size, shard)
  }
  const lost = index.blocks.length - cut.blocks.length
  const reason = `has ${count(size)} of its ${count(shard.bytes)} bytes: ${count(lost)} samples are lost; copy or pack it again`
  return { ...cut, faults: new Faults([{ name: shard.name, reason }]) }
}

async function openParts(
  manifest: PackManifest,
  open: (shard: PackedShard) => Promise<Omit<Shard, 'labels'>>,
  remote?: RemoteShards,
): Promise<DataSet> {
  const skipped: Skipped[] = []
  const part = async (name: PackPart): Promise<SampleSource> => {
    const shards = await mapAtOnce(manifest.parts[name], openedAtOnce, async (packed): Promise<Shard> => {
      const shard = await open(packed)
      return { ...shard, labels: labelsOf(shard, manifest.classes.length) }
    })
    skipped.push(...faultsOf(shards))
    return ShardSource.of(manifest, shards, remote)
  }
  const train = await part('train')
  return { classes: train.classes, train, validation: await part('validation'), skipped }
}

/** A packed shard names its classes by their numbers. */
function labelsOf({ path, index }: Omit<Shard, 'labels'>, classes: number): Uint32Array {
  const numbers = index.classes.map(Number)
  if (!numbers.every((label) => Number.isSafeInteger(label) && label >= 0 && label < classes)) {
    throw dataError(path, `its index names classes that the pack of ${classes} has not; pack it again`)
  }
  return index.labels.map((place) => numbers[place]!)
}

function checkComplete(manifest: PackManifest | undefined, where: string): PackManifest {
  if (manifest === undefined)
    throw dataError(where, `it holds no ${manifestName}; name a folder that was packed`)
  if (manifest.complete) return manifest
  throw dataError(
    where,
    'its packing did not come to its end; run "googlenet pack" again, it goes on where it was',
  )
}

function otherLength(where: string, size: number, shard: PackedShard): GoogLeNetError {
  return dataError(where, `it has ${size} bytes instead of ${shard.bytes}; copy or pack it again`)
}

function dataError(where: string, what: string): GoogLeNetError {
  return new GoogLeNetError('ERR_GOOGLENET_DATA', `${where}: ${what}`)
}
