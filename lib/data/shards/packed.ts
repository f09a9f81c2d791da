import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { GoogLeNetError } from '../../errors.js'
import type { CachedFile } from '../remote/diskCache.js'
import { fetchWhole } from '../remote/http.js'
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
import { decodeShardIndex, type ShardIndex } from './shardIndex.js'
import { type RemoteShards, type Shard, ShardSource } from './shardSource.js'

/** Indexes that are read at once. */
const openedAtOnce = 8
const mostManifestBytes = 256 * 2 ** 20

/**
 * A folder that `pack` wrote. Its indexes are read, its pictures are not touched.
 *
 * @throws ERR_GOOGLENET_DATA when it is not finished, or a shard is missing or not as it was written.
 */
export async function openPacked(folder: string): Promise<DataSet> {
  const manifest = checkComplete(await readManifest(folder), folder)
  return openParts(manifest, async (shard) => {
    const path = join(folder, shard.name)
    const size = (await stat(path).catch(() => undefined))?.size
    if (size !== shard.bytes) {
      throw dataError(path, `it has ${size ?? 'no'} bytes instead of ${shard.bytes}; copy or pack it again`)
    }
    const file = join(folder, indexName(shard))
    const bytes = await readFile(file).catch((error: Error) => {
      throw dataError(file, `it cannot be read (${error.message}); copy or pack the folder again`)
    })
    return { path, index: decodeShardIndex(bytes, file) }
  })
}

/**
 * The same on a server; `url` is the folder's or its pack.json's. The indexes are fetched, the shards when they are
 * needed, and both are checked by their MD5.
 *
 * @throws ERR_GOOGLENET_IO, ERR_GOOGLENET_DATA.
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
    const file = { url: address(shard.name), size: shard.bytes, md5: shard.md5 }
    const index = { url: address(indexName(shard)), size: shard.index.bytes, md5: shard.index.md5 }
    return { path: cache.pathOf(file), remote: file, index: await fetchIndex(remote, index, signal) }
  }
  return openParts(manifest, open, remote)
}

async function fetchIndex(
  { cache, http }: RemoteShards,
  file: CachedFile,
  signal?: AbortSignal,
): Promise<ShardIndex> {
  await cache.obtain([file], http, signal)
  return decodeShardIndex(await readFile(cache.pathOf(file)), file.url)
}

async function openParts(
  manifest: PackManifest,
  open: (shard: PackedShard) => Promise<Omit<Shard, 'labels'>>,
  remote?: RemoteShards,
): Promise<DataSet> {
  const part = async (name: PackPart): Promise<SampleSource> => {
    const shards = await mapAtOnce(manifest.parts[name], openedAtOnce, async (packed): Promise<Shard> => {
      const shard = await open(packed)
      return { ...shard, labels: labelsOf(shard, manifest.classes.length) }
    })
    return ShardSource.of(manifest, shards, remote)
  }
  const train = await part('train')
  return { classes: train.classes, train, validation: await part('validation') }
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

function dataError(where: string, what: string): GoogLeNetError {
  return new GoogLeNetError('ERR_GOOGLENET_DATA', `${where}: ${what}`)
}
