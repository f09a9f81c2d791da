import { createHash } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { cacheFolder } from '../cacheFolder.js'
import { checkNumber } from '../checks.js'
import { GoogLeNetError } from '../errors.js'
import { writeWherePossible } from '../files.js'
import {
  type ArchiveIndex,
  decodeArchiveIndex,
  encodeArchiveIndex,
  groupOf,
  longestIndex,
  nameOf,
} from './archiveIndex.js'
import { scanArchive } from './archiveScan.js'
import { FileBytes } from './byteSource.js'
import type { Sample, SampleSource } from './source.js'

/** What happens while a data set is opened. */
export type DataEvent =
  /** An archive's headers are being read, or one shard after the other; several times a second. */
  | { type: 'indexing'; path: string; done: number; total: number; unit: 'bytes' | 'shards' }
  | {
      type: 'indexed'
      path: string
      samples: number
      /** The file that keeps the index; absent where none could be written. */
      index?: string
      /** False where the index was there already. */
      built: boolean
      /** Why an index that was there could not be used. */
      refused?: string
    }

export interface ArchiveOptions {
  onEvent?: (event: DataEvent) => void
  signal?: AbortSignal
}

/** The pictures of a tar archive, read in place. Its classes are the index's groups. */
export class ArchiveSource implements SampleSource {
  readonly classes: readonly string[]
  readonly length: number

  constructor(
    readonly path: string,
    readonly index: ArchiveIndex,
  ) {
    this.classes = index.groups
    this.length = index.offsets.length
  }

  sample(index: number): Sample {
    checkNumber('sample', index, { min: 0, below: this.length, whole: true })
    const label = groupOf(this.index, index)
    const group = this.classes[label]!
    const name = nameOf(this.index, index)
    return {
      source: { path: this.path, offset: this.index.offsets[index]!, length: this.index.lengths[index]! },
      label,
      name: group === '' ? name : `${group}/${name}`,
    }
  }
}

/**
 * Opens a tar archive of pictures by its index: the file `<archive>.index` beside it or in the cache folder. Where
 * there is none for the archive's present size and time, or it is damaged, the archive is read once and the index
 * written.
 *
 * @throws ERR_GOOGLENET_DATA when it is no archive, holds no picture or changes while it is read, ERR_GOOGLENET_IO,
 * ERR_GOOGLENET_ABORTED.
 */
export async function openArchive(path: string, options: ArchiveOptions = {}): Promise<ArchiveSource> {
  const { onEvent, signal } = options
  await using archive = await FileBytes.open(path)
  const files = await indexFiles(path)
  let refused: string | undefined
  for (const file of files) {
    const read = await readIndex(file, archive)
    if (typeof read === 'object') {
      onEvent?.({ type: 'indexed', path, samples: read.offsets.length, index: file, built: false })
      return new ArchiveSource(path, read)
    }
    refused ??= read
  }
  const index = await scanArchive(archive, basename(path), {
    ...(signal && { signal }),
    onProgress: (done) => onEvent?.({ type: 'indexing', path, done, total: archive.size, unit: 'bytes' }),
  })
  const { size, mtimeMs } = await archive.file.stat()
  if (size !== archive.size || mtimeMs !== archive.mtimeMs) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_DATA',
      `${path}: it was changed while it was read; wait until it is whole`,
    )
  }
  const samples = index.offsets.length
  if (samples === 0) throw noPictures(path, index)
  const file = await writeWherePossible(files, encodeArchiveIndex(index, archive))
  onEvent?.({
    type: 'indexed',
    path,
    samples,
    built: true,
    ...(file !== undefined && { index: file }),
    ...(refused !== undefined && { refused }),
  })
  return new ArchiveSource(path, index)
}

function noPictures(path: string, { faults }: ArchiveIndex): GoogLeNetError {
  const [first] = faults.listed
  const found = first ? `; ${first.name} ${first.reason}` : ''
  return new GoogLeNetError('ERR_GOOGLENET_DATA', `${path}: it holds no JPEG or PNG picture${found}`)
}

/** Where an archive's index may be, the best place first. */
async function indexFiles(path: string): Promise<string[]> {
  const real = await realpath(path)
  const key = createHash('sha256').update(real).digest('hex').slice(0, 16)
  return [`${path}.index`, join(cacheFolder(), 'indexes', `${basename(path)}-${key}.index`)]
}

/** The index, or why it cannot be used; undefined when there is none. */
async function readIndex(file: string, archive: FileBytes): Promise<ArchiveIndex | string | undefined> {
  try {
    await using bytes = await FileBytes.open(file)
    if (bytes.size > longestIndex) return `${file}: it is too large`
    return decodeArchiveIndex(await bytes.read(0, bytes.size), archive)
  } catch (error) {
    const { message, cause } = error as GoogLeNetError
    return (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT' ? undefined : `${file}: ${message}`
  }
}
