import { basename } from 'node:path'
import { checkNumber } from '../checks.js'
import { GoogLeNetError } from '../errors.js'
import { scanArchive } from './archiveScan.js'
import { openIndex } from './indexFile.js'
import { type SampleIndex, sampleOf } from './sampleIndex.js'
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

/** The pictures of a tar archive, read in place. Its classes are the archives in it, or its folders. */
export class ArchiveSource implements SampleSource {
  readonly classes: readonly string[]
  readonly length: number

  constructor(
    readonly path: string,
    readonly index: SampleIndex,
  ) {
    this.classes = index.classes
    this.length = index.blocks.length
  }

  sample(index: number): Sample {
    checkNumber('sample', index, { min: 0, below: this.length, whole: true })
    const label = this.index.labels[index]!
    const group = this.classes[label]!
    const { offset, length, name } = sampleOf(this.index, index)
    return {
      source: { path: this.path, offset, length },
      label,
      name: group === '' ? name : `${group}/${name}`,
    }
  }
}

/**
 * Opens a tar archive of pictures by its index. Where there is none for its present state, the archive is read once
 * and the index written.
 *
 * @throws ERR_GOOGLENET_DATA when it is no archive, holds no picture or changes while it is read, ERR_GOOGLENET_IO,
 * ERR_GOOGLENET_ABORTED.
 */
export async function openArchive(path: string, options: ArchiveOptions = {}): Promise<ArchiveSource> {
  const { onEvent, signal } = options
  const { index, file, built, refused } = await openIndex(path, 'index', async (archive) => {
    const made = await scanArchive(archive, basename(path), {
      ...(signal && { signal }),
      onProgress: (done) => onEvent?.({ type: 'indexing', path, done, total: archive.size, unit: 'bytes' }),
    })
    if (made.blocks.length === 0) throw noPictures(path, made)
    return made
  })
  onEvent?.({
    type: 'indexed',
    path,
    samples: index.blocks.length,
    built,
    ...(file !== undefined && { index: file }),
    ...(refused !== undefined && { refused }),
  })
  return new ArchiveSource(path, index)
}

function noPictures(path: string, { faults }: SampleIndex): GoogLeNetError {
  const [first] = faults.listed
  const found = first ? `; ${first.name} ${first.reason}` : ''
  return new GoogLeNetError('ERR_GOOGLENET_DATA', `${path}: it holds no JPEG or PNG picture${found}`)
}
