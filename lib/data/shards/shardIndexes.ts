import { writeWherePossible } from '../../files.js'
import { checkNotAborted } from '../../queue.js'
import { FileBytes } from '../byteSource.js'
import { indexInCache, openIndex, readIndex } from '../indexFile.js'
import { fetchWhole, type HttpOptions, type RemoteFile, withoutSecrets } from '../remote/http.js'
import { decodeSampleIndex, encodeSampleIndex, type SampleIndex } from '../sampleIndex.js'
import type { RemoteShards } from './shardSource.js'
import { indexShard } from './tarIndex.js'

/** Far above what a shard needs. */
const longestRemoteIndex = 2 ** 28

const placed = (tar: FileBytes, where: string) => ({
  where,
  size: tar.size,
  mtimeMs: tar.mtimeMs,
  read: tar.read.bind(tar),
})

/** The index of a shard on this machine, from the shard itself. @throws as `indexShard`, ERR_GOOGLENET_IO. */
export async function readShard(path: string): Promise<SampleIndex> {
  await using tar = await FileBytes.open(path)
  return await indexShard(placed(tar, path))
}

/** The index of a shard on this machine. @throws as `openIndex` and `indexShard`. */
export async function openShardIndex(path: string, signal?: AbortSignal): Promise<SampleIndex> {
  return (await openIndex(path, 'samples', (tar) => indexShard(placed(tar, path), signal))).index
}

/**
 * The index of a tar on a server, kept in the cache folder for its address and state: the server's own where it has
 * `<tar>.samples`; otherwise the tar comes into the cache and is read.
 *
 * @throws as `openShardIndex`, and as `DiskCache.obtain`.
 */
export async function openRemoteIndex(
  file: RemoteFile,
  { cache, http }: RemoteShards,
  signal?: AbortSignal,
): Promise<SampleIndex> {
  const { url, size, etag, modified } = file
  const path = cache.pathOf(file)
  const place = indexInCache(JSON.stringify([url, size, etag ?? modified]), path, 'samples')
  const kept = await readIndex(place, size, 0)
  if (typeof kept === 'object') return kept
  const made =
    (await fetchIndex(file, http, signal)) ?? (await makeIndex(file, path, { cache, http }, signal))
  // When it was changed on another machine says nothing here.
  const index = { ...made, mtimeMs: 0 }
  await writeWherePossible([place], encodeSampleIndex(index))
  return index
}

/** What the server has beside the tar; undefined when that is no index of it. */
async function fetchIndex(
  { url, size }: RemoteFile,
  http: HttpOptions,
  signal?: AbortSignal,
): Promise<SampleIndex | undefined> {
  const beside = new URL(url)
  beside.pathname += '.samples'
  try {
    const index = decodeSampleIndex(await fetchWhole(beside.href, longestRemoteIndex, http, signal))
    return index.bytes === size ? index : undefined
  } catch {
    checkNotAborted(signal)
    return undefined
  }
}

async function makeIndex(
  file: RemoteFile,
  path: string,
  { cache, http }: RemoteShards,
  signal?: AbortSignal,
): Promise<SampleIndex> {
  await cache.obtain([file], http, signal)
  await using tar = await FileBytes.open(path)
  return await indexShard(placed(tar, withoutSecrets(file.url)), signal)
}
