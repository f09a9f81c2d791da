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
  if (isUrl(path)) return openRemotePack(path, await openRemote(options.remote))
  return openFolder(path, options)
}

async function openFolder(path: string, options: ShardOptions): Promise<DataSet | undefined> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false
  if (!isFolder) return undefined
  const entries = (await readdir(path)).filter((name) => !name.startsWith('.')).sort()
  if (entries.includes(manifestName)) return openPacked(path)
  const parquet = entries.filter(isParquet)
  if (parquet.length > 0)
    return openParquet(
      parquet.map((name) => join(path, name)),
      options,
    )
  // Hugging Face's repositories have their shards in data/.
  const inner = entries.includes('data') ? await readdir(join(path, 'data')).catch(() => []) : []
  if (inner.some(isParquet)) return openFolder(join(path, 'data'), options)
  return entries.some(isTar) ? openShards(path, options) : undefined
}
