import { createHash } from 'node:crypto'
import { readFile, realpath } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { cacheFolder } from '../../cacheFolder.js'
import { writeWherePossible } from '../../files.js'
import { FileBytes } from '../byteSource.js'
import type { RemoteFile } from '../remote/http.js'
import { decodeShardIndex, encodeShardIndex, type ShardIndex } from './shardIndex.js'
import { indexShard } from './tarIndex.js'

/**
 * The index of a tar on this machine: read from the file beside it or in the cache folder where one of them is of this
 * very tar; otherwise made, and kept beside it or, where that cannot be written, in the cache folder.
 *
 * @throws ERR_GOOGLENET_DATA, ERR_GOOGLENET_IO, ERR_GOOGLENET_ABORTED.
 */
export async function openShardIndex(path: string, signal?: AbortSignal): Promise<ShardIndex> {
  await using tar = await FileBytes.open(path)
  const places = [`${path}.samples`, nameInCache(await realpath(path), path)]
  for (const place of places) {
    const kept = await readIndex(place)
    if (kept?.bytes === tar.size && (kept.mtimeMs === 0 || kept.mtimeMs === tar.mtimeMs)) return kept
  }
  const index = await indexShard(tar, signal)
  await writeWherePossible(places, encodeShardIndex(index))
  return index
}

/**
 * The index of a tar on a server, kept in the cache folder for its address and state; without one, `bring` brings the
 * tar to `path`, where it is read.
 *
 * @throws as `openShardIndex`, and what `bring` throws.
 */
export async function openRemoteIndex(
  { url, size, etag, modified }: RemoteFile,
  path: string,
  bring: () => Promise<void>,
  signal?: AbortSignal,
): Promise<ShardIndex> {
  const place = nameInCache(JSON.stringify([url, size, etag ?? modified]), path)
  const kept = await readIndex(place)
  if (kept?.bytes === size) return kept
  await bring()
  await using tar = await FileBytes.open(path)
  const index = await indexShard(tar, signal)
  await writeWherePossible([place], encodeShardIndex(index))
  return index
}

function nameInCache(identity: string, path: string): string {
  const key = createHash('sha256').update(identity).digest('hex').slice(0, 24)
  return join(cacheFolder(), 'indexes', `${key}-${basename(path).slice(-80)}.samples`)
}

/** Whatever is wrong with it, an index can be made again. */
async function readIndex(path: string): Promise<ShardIndex | undefined> {
  try {
    return decodeShardIndex(await readFile(path), path)
  } catch {
    return undefined
  }
}
