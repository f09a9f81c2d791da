import { crc32 } from 'node:zlib'
import { GoogLeNetError } from '../errors.js'
import { nameAt, viewOf } from './columns.js'
import { Faults, type Skipped } from './faults.js'
import { tarBlock } from './tarWriter.js'

/** The samples of one tar, an archive or a shard: where each one's picture lies, what it shows and what it is called. */
export interface SampleIndex {
  /** Length of the tar, and when it was changed last; 0 where that says nothing, as of files that are copied. */
  readonly bytes: number
  readonly mtimeMs: number
  /** Of each sample: where its picture begins, in blocks of 512 bytes, and how many bytes it takes. */
  readonly blocks: Uint32Array
  readonly lengths: Uint32Array
  /** Of each sample: its class, a place in `classes`. */
  readonly labels: Uint32Array
  /** Of each sample: where its name ends in `names`, UTF-8; it begins where the one before ends. */
  readonly nameEnds: Uint32Array
  readonly names: Uint8Array
  /** What the tar says of the classes of its samples: archives in it or folders, names, numbers in decimal. */
  readonly classes: readonly string[]
  /** What of it cannot be used. */
  readonly faults: Faults
}

/** One sample to be collected; `offset` and `length` in bytes. */
export interface IndexedSample {
  offset: number
  length: number
  className: string
  name: string
}

/** Pictures that are longer than this are refused when they are read. */
const longest = 2 ** 32 - 1

/** Collects samples in the order of the index. */
export class SampleIndexBuilder {
  readonly #columns: Record<'blocks' | 'lengths' | 'labels' | 'nameEnds', number[]> = {
    blocks: [],
    lengths: [],
    labels: [],
    nameEnds: [],
  }
  readonly #names: string[] = []
  #nameBytes = 0
  readonly #classes = new Map<string, number>()

  add({ offset, length, className, name }: IndexedSample): void {
    const label = this.#classes.get(className) ?? this.#classes.size
    this.#classes.set(className, label)
    this.#nameBytes += Buffer.byteLength(name)
    this.#columns.blocks.push(offset / tarBlock)
    this.#columns.lengths.push(Math.min(length, longest))
    this.#columns.labels.push(label)
    this.#columns.nameEnds.push(this.#nameBytes)
    this.#names.push(name)
  }

  /** @throws ERR_GOOGLENET_DATA for a tar of 2 TiB or more, whose offsets cannot be kept. */
  finish(bytes: number, mtimeMs = 0, faults = new Faults()): SampleIndex {
    if (bytes / tarBlock >= 2 ** 32) {
      throw new GoogLeNetError('ERR_GOOGLENET_DATA', 'a tar of 2 TiB or more cannot be read; part it')
    }
    const { blocks, lengths, labels, nameEnds } = this.#columns
    return {
      bytes,
      mtimeMs,
      blocks: Uint32Array.from(blocks),
      lengths: Uint32Array.from(lengths),
      labels: Uint32Array.from(labels),
      nameEnds: Uint32Array.from(nameEnds),
      names: Uint8Array.from(Buffer.from(this.#names.join(''))),
      classes: [...this.#classes.keys()],
      faults,
    }
  }
}

/** Where the picture of a sample lies, and its name. */
export function sampleOf(index: SampleIndex, i: number): Omit<IndexedSample, 'className'> {
  const { blocks, lengths, nameEnds, names } = index
  return { offset: blocks[i]! * tarBlock, length: lengths[i]!, name: nameAt(names, nameEnds, i) }
}

/**
 * The index of a tar of which only the first `bytes` are there: the samples that are whole, where they follow each other
 * as in the tar.
 */
export function cutIndex(index: SampleIndex, bytes: number): SampleIndex {
  const { blocks, lengths, labels, nameEnds, names } = index
  const lost = blocks.findIndex((block, i) => block * tarBlock + lengths[i]! > bytes)
  const count = lost < 0 ? blocks.length : lost
  return {
    ...index,
    bytes,
    blocks: blocks.subarray(0, count),
    lengths: lengths.subarray(0, count),
    labels: labels.subarray(0, count),
    nameEnds: nameEnds.subarray(0, count),
    names: names.subarray(0, nameEnds[count - 1] ?? 0),
  }
}

const magic = Buffer.from('GNINDEX1', 'latin1')
/** Magic, CRC-32 of the rest, counts of samples, bytes of names and of the lists, bytes and time of the tar. */
const headerBytes = 40
/** Node.js reads no more at once; it is far above what any tar needs. */
export const longestIndex = 2 ** 31 - 1

/** The index as a file, little-endian: a header, four columns, the names, classes and faults as JSON. */
export function encodeSampleIndex(index: SampleIndex): Buffer {
  const { bytes, mtimeMs, blocks, lengths, labels, nameEnds, names, classes, faults } = index
  const lists = Buffer.from(JSON.stringify({ classes, faults }))
  const header = Buffer.alloc(headerBytes)
  magic.copy(header)
  header.writeUInt32LE(blocks.length, 12)
  header.writeUInt32LE(names.length, 16)
  header.writeUInt32LE(lists.length, 20)
  header.writeDoubleLE(bytes, 24)
  header.writeDoubleLE(mtimeMs, 32)
  const file = Buffer.concat([header, ...[blocks, lengths, labels, nameEnds, names].map(viewOf), lists])
  file.writeUInt32LE(crc32(file.subarray(12)), 8)
  return file
}

/**
 * Reads what `encodeSampleIndex` wrote. Whatever else the bytes are, nothing in the result points outside of the tar
 * or of the lists; the columns may be views of `content`.
 *
 * @throws ERR_GOOGLENET_DATA saying why it cannot be used.
 */
export function decodeSampleIndex(content: Uint8Array<ArrayBuffer>): SampleIndex {
  const aligned = content.byteOffset % 4 === 0 ? content : content.slice()
  const file = Buffer.from(aligned.buffer, aligned.byteOffset, aligned.length)
  require(file.length >= headerBytes &&
    file.subarray(0, 8).equals(magic), 'it is not an index of this version')
  const [count, nameBytes, listBytes] = [12, 16, 20].map((at) => file.readUInt32LE(at)) as [
    number,
    number,
    number,
  ]
  const namesBegin = headerBytes + 16 * count
  require(file.length === namesBegin + nameBytes + listBytes, 'it has another length than it says')
  require(file.readUInt32LE(8) === crc32(file.subarray(12)), 'it is damaged')
  const column = (place: number) =>
    new Uint32Array(aligned.buffer, aligned.byteOffset + headerBytes + 4 * count * place, count)
  const index = {
    bytes: file.readDoubleLE(24),
    mtimeMs: file.readDoubleLE(32),
    blocks: column(0),
    lengths: column(1),
    labels: column(2),
    nameEnds: column(3),
    names: aligned.subarray(namesBegin, namesBegin + nameBytes),
    ...parseLists(file.toString('utf8', namesBegin + nameBytes)),
  }
  checkColumns(index)
  return index
}

function checkColumns({ bytes, blocks, lengths, labels, nameEnds, names, classes }: SampleIndex): void {
  let end = 0
  for (let i = 0; i < blocks.length; i++) {
    require(blocks[i]! * tarBlock + lengths[i]! <= bytes, 'it points past the end of its tar')
    require(labels[i]! < classes.length, 'it names a class that it has not')
    require(nameEnds[i]! >= end && nameEnds[i]! <= names.length, 'its names are out of order')
    end = nameEnds[i]!
  }
}

function parseLists(text: string): { classes: string[]; faults: Faults } {
  let lists: { classes?: unknown; faults?: { total?: unknown; listed?: unknown } } | null = null
  try {
    lists = JSON.parse(text)
  } catch {
    // Said below.
  }
  const { classes, faults } = lists ?? {}
  const areNames = Array.isArray(classes) && classes.every((name) => typeof name === 'string')
  const { total, listed } = faults ?? {}
  const areFaults =
    Number.isSafeInteger(total) &&
    Array.isArray(listed) &&
    listed.every((one) => typeof one?.name === 'string' && typeof one.reason === 'string')
  require(areNames && areFaults, 'its lists cannot be read')
  return { classes: classes as string[], faults: new Faults(listed as Skipped[], total as number) }
}

function require(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new GoogLeNetError('ERR_GOOGLENET_DATA', otherwise)
}
