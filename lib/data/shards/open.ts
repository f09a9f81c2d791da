import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { DataSet } from '../source.js'
import { manifestName } from './manifest.js'
import { openPacked, openRemotePack } from './packed.js'
import { openParquet } from './parquet.js'
import { expandShards, isUrl } from './shardNames.js'
import { openRemote, openShards, type ShardOptions } from './webDataset.js'

const isTar = (name: string): boolean => /\.tar$/i.test(name)
const isParquet = (name: string): boolean => /\.parquet$/i.test(name)

/**
 * Opens what is made of shards: a folder that `pack` wrote, here or at an address; WebDataset tars; parquet files. A
 * folder, a list with braces, one file or addresses. Undefined when it is none of these.
 *
 * @throws ERR_GOOGLENET_DATA, ERR_GOOGLENET_OPTION, ERR_GOOGLENET_IO, ERR_GOOGLENET_ABORTED.
 */
export async function openSharded(path: string, options: ShardOptions = {}): Promise<DataSet | undefined> {
  const names = expandShards(path)
  const file = (name: string) => (isUrl(name) ? new URL(name).pathname : name)
  if (names.every((name) => isParquet(file(name)))) return openParquet(names, options)
  if (names.every((name) => isTar(file(name)))) return openShards(path, options)
  if (names.length > 1) return undefined
  if (isUrl(path)) return openRemotePack(path, await openRemote(options.remote), options.signal)
  return openFolder(path, options)
}

async function openFolder(path: string, options: ShardOptions): Promise<DataSet | undefined> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false
  if (!isFolder) return undefined
  const entries = await readdir(path, { withFileTypes: true })
  if (entries.some(({ name }) => name === manifestName)) return openPacked(path)
  const shown = entries.filter(({ name }) => !name.startsWith('.'))
  const folders = shown.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  const files = shown.map(({ name }) => name).sort()
  // Hugging Face's repositories have their shards in data/.
  const [only] = folders
  if (folders.length === 1 && only === 'data' && (await readdir(join(path, only))).some(isParquet)) {
    return openFolder(join(path, only), options)
  }
  if (folders.length > 0) return undefined
  const parquet = files.filter(isParquet)
  if (parquet.length > 0)
    return openParquet(
      parquet.map((name) => join(path, name)),
      options,
    )
  return files.some(isTar) ? openShards(path, options) : undefined
}
