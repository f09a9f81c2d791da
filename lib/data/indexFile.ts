import { createHash } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { cacheFolder } from '../cacheFolder.js'
import { GoogLeNetError } from '../errors.js'
import { writeWherePossible } from '../files.js'
import { FileBytes } from './byteSource.js'
import { decodeSampleIndex, encodeSampleIndex, longestIndex, type SampleIndex } from './sampleIndex.js'

/** What an index is of: an archive's pictures by group, or a WebDataset shard's samples. */
export type IndexKind = 'index' | 'samples'

export interface OpenedIndex {
  index: SampleIndex
  /** The file that keeps it; absent where none could be written. */
  file?: string
  /** False where it was there already. */
  built: boolean
  /** Why one that was there could not be used. */
  refused?: string
}

/**
 * The index of a tar on this machine: the file `<tar>.<kind>` beside it or in the cache folder. Where there is none for
 * the tar's present size and time, or it is damaged, `make` makes it, and it is kept in the first of these places that
 * takes it.
 *
 * @throws ERR_GOOGLENET_DATA when the tar changes meanwhile, ERR_GOOGLENET_IO, and what `make` throws.
 */
export async function openIndex(
  path: string,
  kind: IndexKind,
  make: (tar: FileBytes) => Promise<SampleIndex>,
): Promise<OpenedIndex> {
  await using tar = await FileBytes.open(path)
  const places = [`${path}.${kind}`, indexInCache(await realpath(path), path, kind)]
  let refused: string | undefined
  for (const file of places) {
    const read = await readIndex(file, tar.size, tar.mtimeMs)
    if (typeof read === 'object') return { index: read, file, built: false }
    refused ??= read
  }
  const index = await make(tar)
  const { size, mtimeMs } = await tar.file.stat()
  if (size !== tar.size || mtimeMs !== tar.mtimeMs) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_DATA',
      `${path}: it was changed while it was read; wait until it is whole`,
    )
  }
  const file = await writeWherePossible(places, encodeSampleIndex(index))
  return {
    index,
    built: true,
    ...(file !== undefined && { file }),
    ...(refused !== undefined && { refused }),
  }
}

/** Where the cache folder keeps the index of what `identity` stands for. */
export function indexInCache(identity: string, path: string, kind: IndexKind): string {
  const key = createHash('sha256').update(identity).digest('hex').slice(0, 24)
  return join(cacheFolder(), 'indexes', `${basename(path).slice(-80)}-${key}.${kind}`)
}

/**
 * The index that a file keeps, or why it cannot be used for a tar of that size and time; undefined when there is none.
 */
export async function readIndex(
  file: string,
  size: number,
  mtimeMs: number,
): Promise<SampleIndex | string | undefined> {
  try {
    await using bytes = await FileBytes.open(file)
    if (bytes.size > longestIndex) return `${file}: it is too large`
    const index = decodeSampleIndex(await bytes.read(0, bytes.size))
    const isSame = index.bytes === size && (index.mtimeMs === 0 || index.mtimeMs === mtimeMs)
    return isSame ? index : `${file}: the tar has changed since`
  } catch (error) {
    const { message, cause } = error as GoogLeNetError
    return (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT' ? undefined : `${file}: ${message}`
  }
}
