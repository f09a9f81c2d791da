import { writeWherePossible } from '../../files.js'
import { FileBytes } from '../byteSource.js'
import { indexInCache, openIndex, readIndex } from '../indexFile.js'
import { type RemoteFile, withoutSecrets } from '../remote/http.js'
import { encodeSampleIndex, type SampleIndex } from '../sampleIndex.js'
import { indexShard } from './tarIndex.js'

const placed = (tar: FileBytes, where: string) => ({
  where,
  size: tar.size,
  mtimeMs: tar.mtimeMs,
  read: tar.read.bind(tar),
})

/** The index of a shard on this machine. @throws as `openIndex` and `indexShard`. */
export async function openShardIndex(path: string, signal?: AbortSignal): Promise<SampleIndex> {
  return (await openIndex(path, 'samples', (tar) => indexShard(placed(tar, path), signal))).index
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
): Promise<SampleIndex> {
  const place = indexInCache(JSON.stringify([url, size, etag ?? modified]), path, 'samples')
  const kept = await readIndex(place, size, 0)
  if (typeof kept === 'object') return kept
  await bring()
  await using tar = await FileBytes.open(path)
  // When it came here says nothing of the tar.
  const index = { ...(await indexShard(placed(tar, withoutSecrets(url)), signal)), mtimeMs: 0 }
  await writeWherePossible([place], encodeSampleIndex(index))
  return index
}
