import { crc32 } from 'node:zlib'
import { GoogLeNetError } from '../errors.js'
import { lastNotAbove, nameAt, viewOf } from './columns.js'
import { Faults, type Skipped } from './faults.js'

/** Where the pictures of an archive lie: those of a group (an archive in it, or a folder) together, sorted by name. */
export interface ArchiveIndex {
  /** Sorted; one without a name holds what is in no group. */
  readonly groups: readonly string[]
  /** Of each group the place of its first picture, and at last the count of all. */
  readonly starts: Uint32Array
  /** Of each picture: where it begins in the file, and how many bytes it takes. */
  readonly offsets: Float64Array
  readonly lengths: Uint32Array
  /** Of each picture: where its name ends in `names`, UTF-8; it begins where the one before ends. */
  readonly nameEnds: Uint32Array
  readonly names: Uint8Array
  readonly faults: Faults
}

/** The state of an archive that an index is of. */
export interface ArchiveState {
  size: number
  mtimeMs: number
}

/** The name of a picture within its group. */
export function nameOf({ names, nameEnds }: ArchiveIndex, picture: number): string {
  return nameAt(names, nameEnds, picture)
}

/** The last group that begins at a picture or before, of those that hold any. */
export function groupOf({ starts }: ArchiveIndex, picture: number): number {
  return lastNotAbove(starts, picture)
}

const magic = Buffer.from('GNETTAR1', 'latin1')
/** Magic, CRC-32 of the rest, counts of pictures and groups, bytes of names and of the JSON; state of the archive. */
const headerBytes = 48
/** Node.js reads no more at once; it is far above what any archive needs. */
export const longestIndex = 2 ** 31 - 1

/** The index as a file, little-endian: a header, the columns, the names, groups and faults as JSON. */
export function encodeArchiveIndex(index: ArchiveIndex, { size, mtimeMs }: ArchiveState): Buffer {
  const { offsets, lengths, nameEnds, starts, names, groups, faults } = index
  const json = Buffer.from(JSON.stringify({ groups, faults }))
  const header = Buffer.alloc(headerBytes)
  magic.copy(header)
  header.writeUInt32LE(offsets.length, 12)
  header.writeUInt32LE(groups.length, 16)
  header.writeUInt32LE(names.length, 20)
  header.writeUInt32LE(json.length, 24)
  header.writeDoubleLE(size, 32)
  header.writeDoubleLE(mtimeMs, 40)
  const columns = [offsets, lengths, nameEnds, starts, names].map(viewOf)
  const file = Buffer.concat([header, ...columns, json])
  file.writeUInt32LE(crc32(file.subarray(12)), 8)
  return file
}

/**
 * Reads what `encodeArchiveIndex` wrote. Whatever else the bytes are, nothing in the result points outside of the
 * archive or of the lists; the columns are views of `bytes`.
 *
 * @throws ERR_GOOGLENET_DATA saying why the index cannot be used for this state of the archive.
 */
export function decodeArchiveIndex(bytes: Uint8Array<ArrayBuffer>, archive: ArchiveState): ArchiveIndex {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  require(file.length >= headerBytes &&
    file.subarray(0, 8).equals(magic), 'it is not an index of this version')
  require(file.readDoubleLE(32) === archive.size &&
    file.readDoubleLE(40) === archive.mtimeMs, 'the archive has changed since')
  const [count, groupCount, nameBytes, jsonBytes] = [12, 16, 20, 24].map((at) => file.readUInt32LE(at)) as [
    number,
    number,
    number,
    number,
  ]
  const namesBegin = headerBytes + 16 * count + 4 * (groupCount + 1)
  require(file.length === namesBegin + nameBytes + jsonBytes, 'it has another length than it says')
  require(file.readUInt32LE(8) === crc32(file.subarray(12)), 'it is damaged')
  const whole = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice()
  const at = (offset: number) => whole.byteOffset + headerBytes + offset
  const index = {
    offsets: new Float64Array(whole.buffer, at(0), count),
    lengths: new Uint32Array(whole.buffer, at(8 * count), count),
    nameEnds: new Uint32Array(whole.buffer, at(12 * count), count),
    starts: new Uint32Array(whole.buffer, at(16 * count), groupCount + 1),
    names: whole.subarray(namesBegin, namesBegin + nameBytes),
    ...parseLists(file.toString('utf8', namesBegin + nameBytes)),
  }
  require(index.groups.length === groupCount, 'it has another number of groups than it says')
  checkColumns(index, archive.size)
  return index
}

function checkColumns({ offsets, lengths, nameEnds, starts, names }: ArchiveIndex, size: number): void {
  let end = 0
  for (let i = 0; i < offsets.length; i++) {
    const offset = offsets[i]!
    require(Number.isSafeInteger(offset) && offset >= 0, 'it points before the archive')
    require(offset + lengths[i]! <= size, 'it points past the end of the archive')
    require(nameEnds[i]! >= end && nameEnds[i]! <= names.length, 'its names are out of order')
    end = nameEnds[i]!
  }
  require(starts[0] === 0 && starts.at(-1) === offsets.length, 'its groups do not hold the pictures')
  for (let i = 1; i < starts.length; i++) require(starts[i]! >= starts[i - 1]!, 'its groups are out of order')
}

function parseLists(text: string): { groups: string[]; faults: Faults } {
  let lists: { groups?: unknown; faults?: { total?: unknown; listed?: unknown } } | null = null
  try {
    lists = JSON.parse(text)
  } catch {
    // Said below.
  }
  const { groups, faults } = lists ?? {}
  const areNames = Array.isArray(groups) && groups.every((name) => typeof name === 'string')
  const { total, listed } = faults ?? {}
  const areFaults =
    Number.isSafeInteger(total) &&
    Array.isArray(listed) &&
    listed.every((one) => typeof one?.name === 'string' && typeof one.reason === 'string')
  require(areNames && areFaults, 'its lists cannot be read')
  return { groups: groups as string[], faults: new Faults(listed as Skipped[], total as number) }
}

function require(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new GoogLeNetError('ERR_GOOGLENET_DATA', otherwise)
}
