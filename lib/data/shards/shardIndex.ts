import { crc32 } from 'node:zlib'
import { GoogLeNetError } from '../../errors.js'
import { nameAt, viewOf } from '../columns.js'
import { tarBlock } from '../tarWriter.js'

/** The samples of one tar file: where each one's picture lies, what it shows and what it is called. */
export interface ShardIndex {
  /** Length of the tar file, and when it was changed last; 0 where that says nothing, as of files that are copied. */
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
  /** What the shard says of the classes of its samples: numbers in decimal, or names. */
  readonly classes: readonly string[]
}

const magic = Buffer.from('GNSHARD1', 'latin1')
/** Magic, CRC-32 of the rest, bytes and time of the tar, samples, bytes of the names, bytes of the classes (JSON). */
const headerBytes = 48

/** Pictures that are longer than this are refused when they are read. */
const longest = 2 ** 32 - 1

/** Collects the samples of a shard. */
export class ShardIndexBuilder {
  readonly #rows: { offset: number; length: number; label: number }[] = []
  readonly #names: Buffer[] = []
  readonly #classes = new Map<string, number>()

  add(sample: { offset: number; length: number; className: string; name: string }): void {
    const { offset, length, className, name } = sample
    const label = this.#classes.get(className) ?? this.#classes.size
    this.#classes.set(className, label)
    this.#rows.push({ offset, length, label })
    this.#names.push(Buffer.from(name))
  }

  /** @throws ERR_GOOGLENET_DATA when the tar is larger than 2 TiB, of which an offset cannot be kept. */
  finish(bytes: number, mtimeMs = 0): ShardIndex {
    const rows = this.#rows
    if (bytes / tarBlock >= 2 ** 32)
      throw new GoogLeNetError('ERR_GOOGLENET_DATA', 'a shard of 2 TiB or more')
    let end = 0
    return {
      bytes,
      mtimeMs,
      blocks: Uint32Array.from(rows, ({ offset }) => offset / tarBlock),
      lengths: Uint32Array.from(rows, ({ length }) => Math.min(length, longest)),
      labels: Uint32Array.from(rows, ({ label }) => label),
      nameEnds: Uint32Array.from(this.#names, (name) => {
        end += name.length
        return end
      }),
      names: Uint8Array.from(Buffer.concat(this.#names)),
      classes: [...this.#classes.keys()],
    }
  }
}

/** Where the picture of a sample lies, and its name. */
export function sampleOf(index: ShardIndex, i: number): { offset: number; length: number; name: string } {
  const { blocks, lengths, nameEnds, names } = index
  return { offset: blocks[i]! * tarBlock, length: lengths[i]!, name: nameAt(names, nameEnds, i) }
}

/** The index as a file, little-endian: a header, four columns, the names, the classes as JSON. */
export function encodeShardIndex(index: ShardIndex): Buffer {
  const classes = Buffer.from(JSON.stringify(index.classes))
  const header = Buffer.alloc(headerBytes)
  magic.copy(header)
  header.writeDoubleLE(index.bytes, 16)
  header.writeDoubleLE(index.mtimeMs, 24)
  header.writeUInt32LE(index.blocks.length, 32)
  header.writeUInt32LE(index.names.length, 36)
  header.writeUInt32LE(classes.length, 40)
  const columns = [index.blocks, index.lengths, index.labels, index.nameEnds].map(viewOf)
  const file = Buffer.concat([header, ...columns, index.names, classes])
  file.writeUInt32LE(crc32(file.subarray(12)), 8)
  return file
}

/**
 * Reads what `encodeShardIndex` wrote; whatever else the bytes are, nothing in the result points outside of the tar
 * or of the lists.
 *
 * @throws ERR_GOOGLENET_DATA naming `path`.
 */
export function decodeShardIndex(bytes: Uint8Array, path: string): ShardIndex {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const refuse = (what: string) =>
    new GoogLeNetError('ERR_GOOGLENET_DATA', `${path}: ${what}; remove it, or make it again`)
  if (file.length < headerBytes || !file.subarray(0, 8).equals(magic)) {
    throw refuse('it is not an index of a shard')
  }
  const tarBytes = file.readDoubleLE(16)
  const mtimeMs = file.readDoubleLE(24)
  const samples = file.readUInt32LE(32)
  const nameBytes = file.readUInt32LE(36)
  const classBytes = file.readUInt32LE(40)
  if (file.length !== headerBytes + 16 * samples + nameBytes + classBytes) {
    throw refuse('it is an index of another length than it says')
  }
  if (file.readUInt32LE(8) !== crc32(file.subarray(12))) throw refuse('it is damaged')
  const column = (place: number): Uint32Array => {
    const begin = headerBytes + 4 * samples * place
    return new Uint32Array(Uint8Array.from(file.subarray(begin, begin + 4 * samples)).buffer)
  }
  const [blocks, lengths, labels, nameEnds] = [0, 1, 2, 3].map(column) as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ]
  const nameBegin = headerBytes + 16 * samples
  const classes = parseClasses(file.toString('utf8', nameBegin + nameBytes))
  if (classes === undefined) throw refuse('its list of classes cannot be read')
  let end = 0
  for (let i = 0; i < samples; i++) {
    if (!(blocks[i]! * tarBlock + lengths[i]! <= tarBytes))
      throw refuse('it points past the end of its shard')
    if (labels[i]! >= classes.length) throw refuse('it names a class that it has not')
    if (nameEnds[i]! < end || nameEnds[i]! > nameBytes) throw refuse('its names are out of order')
    end = nameEnds[i]!
  }
  const names = Uint8Array.from(file.subarray(nameBegin, nameBegin + nameBytes))
  return { bytes: tarBytes, mtimeMs, blocks, lengths, labels, nameEnds, names, classes }
}

function parseClasses(text: string): string[] | undefined {
  try {
    const classes: unknown = JSON.parse(text)
    const isList = Array.isArray(classes) && classes.every((one) => typeof one === 'string')
    return isList ? (classes as string[]) : undefined
  } catch {
    return undefined
  }
}
