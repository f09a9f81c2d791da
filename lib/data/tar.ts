import { checkNotAborted } from '../queue.js'
import { count } from '../report/format.js'
import type { ByteSource } from './byteSource.js'

/** A member of a tar archive; nothing of its content has been read. */
export interface TarEntry {
  name: string
  kind: 'file' | 'folder' | 'link' | 'other'
  /** Where its content lies in the source. */
  offset: number
  length: number
  /** Bytes of its content that are not there, because the archive ends early. */
  missing: number
}

/** How an archive ended: `fault`, a phrase that follows its name, says what is wrong with it from `offset` on. */
export interface TarEnd {
  offset: number
  fault?: string
}

export interface TarRange {
  /** Where the archive lies in the source: all of it by default. */
  begin?: number
  end?: number
  signal?: AbortSignal
}

/** What a fault costs of an archive that lies up to `end` in its source; undefined without a fault. */
export function lostAtEnd({ offset, fault }: TarEnd, end: number): string | undefined {
  const left = end - offset
  return fault !== undefined && left > 0 ? `${fault}; its last ${count(left)} bytes were not read` : fault
}

const blockSize = 512
/** Of a long name or a pax header: far above what a path takes. */
const longestExtension = 2 ** 20
/** Archives are filled up with zeros to a whole record; none has longer ones. */
const longestFilling = 2 ** 16
const regular = ['0', '\0', '7']
const withoutContent = ['1', '2', '3', '4', '5', '6']

/** What ends the reading of an archive. */
class Fault extends Error {}

/** What a header before an entry's own says of it. */
interface Extension {
  name?: string
  length?: number
}

/**
 * Reads the headers of a tar archive (POSIX ustar and pax, GNU, and the older ones) and none of its contents: of an
 * archive in an archive, give the range of the inner one. What is found is given however the archive goes on; it ends
 * at the first fault, since what follows a broken header cannot be told.
 *
 * @throws ERR_GOOGLENET_ABORTED, and what `source` throws.
 */
export async function* readTar(
  source: ByteSource,
  { begin = 0, end = source.size, signal }: TarRange = {},
): AsyncGenerator<TarEntry, TarEnd, undefined> {
  const window = new Window(source, end)
  let next = begin
  let extension: Extension = {}
  try {
    for (;;) {
      checkNotAborted(signal)
      const header = await window.read(next, blockSize)
      if (header.length < blockSize)
        throw new Fault(header.length === 0 ? unmarked(begin, end) : 'ends early')
      if (header.every((byte) => byte === 0)) return closing(next, end)
      checkSum(header, next, begin)
      const type = String.fromCharCode(header[156]!)
      const stated = readNumber(header.subarray(124, 136), next)
      const content = next + blockSize
      if (type === 'L' || type === 'x') {
        const bytes = await readExtension(window, content, stated, end)
        extension = { ...extension, ...(type === 'L' ? { name: text(bytes) } : readPax(bytes)) }
        next = content + padded(stated)
        continue
      }
      const { name = readName(header), length = stated } = extension
      const isExtension = type === 'K' || type === 'g'
      const size = withoutContent.includes(type) ? 0 : isExtension ? stated : length
      const missing = Math.max(0, content + size - end)
      if (!isExtension) {
        extension = {}
        yield { name, kind: kindOf(type, name), offset: content, length: size - missing, missing }
      }
      if (missing > 0)
        throw new Fault(`ends early, ${count(missing)} bytes before the end of ${JSON.stringify(name)}`)
      next = content + padded(size)
    }
  } catch (error) {
    if (error instanceof Fault) return { offset: next, fault: error.message }
    throw error
  }
}

const padded = (length: number): number => Math.ceil(length / blockSize) * blockSize

function unmarked(begin: number, end: number): string {
  return end === begin ? 'is empty' : 'has no end mark: it may have been cut off'
}

function closing(offset: number, end: number): TarEnd {
  const left = end - offset
  if (left <= longestFilling) return { offset }
  return { offset, fault: `is marked as ending at byte ${offset}, with ${count(left)} bytes to follow` }
}

function kindOf(type: string, name: string): TarEntry['kind'] {
  // Archives of before 1988 have folders as files with a slash at the end.
  if (type === '5' || (regular.includes(type) && name.endsWith('/'))) return 'folder'
  if (type === '1' || type === '2') return 'link'
  return regular.includes(type) ? 'file' : 'other'
}

/** Some programs summed signed bytes. */
function checkSum(header: Uint8Array, offset: number, begin: number): void {
  let sum = 0
  let signed = 0
  for (let i = 0; i < blockSize; i++) {
    const byte = i >= 148 && i < 156 ? 32 : header[i]!
    sum += byte
    signed += byte > 127 ? byte - 256 : byte
  }
  const stated = Number.parseInt(text(header.subarray(148, 156)).trim() || '-', 8)
  if (stated === sum || stated === signed) return
  if (offset > begin) throw new Fault(`is damaged: the header at byte ${offset} has a wrong checksum`)
  const isGzip = header[0] === 0x1f && header[1] === 0x8b
  throw new Fault(isGzip ? 'is compressed; unpack it with gunzip' : 'is not a tar archive')
}

/** Octal digits, or where the first bit is set a binary number. */
function readNumber(field: Uint8Array, offset: number): number {
  let value = 0
  if (field[0]! & 0x80) {
    const isNegative = (field[0]! & 0x40) !== 0
    for (const [i, byte] of field.entries()) value = value * 256 + (i === 0 ? byte & 0x3f : byte)
    if (isNegative) value = -1
  } else {
    const digits = text(field).trim()
    value = digits === '' ? 0 : /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN
  }
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new Fault(`is damaged: the header at byte ${offset} has no size that is possible`)
}

function readName(header: Uint8Array): string {
  const name = text(header.subarray(0, 100))
  const isUstar = text(header.subarray(257, 263)) === 'ustar' && header[263] === 0x30
  const prefix = isUstar ? text(header.subarray(345, 500)) : ''
  return prefix === '' ? name : `${prefix}/${name}`
}

async function readExtension(
  window: Window,
  offset: number,
  length: number,
  end: number,
): Promise<Uint8Array> {
  if (offset + length > end) throw new Fault('ends early')
  if (length > longestExtension) {
    throw new Fault(`is damaged: a name or pax header of ${count(length)} bytes at byte ${offset}`)
  }
  const bytes = await window.read(offset, length)
  if (bytes.length < length) throw new Fault('ends early')
  return bytes.slice()
}

/** Records of the form `<length> <key>=<value>\n`. */
function readPax(bytes: Uint8Array): Extension {
  const extension: Extension = {}
  for (let begin = 0; begin < bytes.length; ) {
    const space = bytes.indexOf(0x20, begin)
    const digits = space < 0 ? '' : text(bytes.subarray(begin, Math.min(space, begin + 10)))
    const end = begin + (/^\d+$/.test(digits) ? Number(digits) : Number.NaN)
    const equals = bytes.indexOf(0x3d, space)
    if (!(end <= bytes.length && space < equals && equals < end && bytes[end - 1] === 0x0a)) {
      throw new Fault('is damaged: a pax header that cannot be read')
    }
    const key = text(bytes.subarray(space + 1, equals))
    const value = text(bytes.subarray(equals + 1, end - 1))
    if (key === 'path') extension.name = value
    if (key === 'size') extension.length = paxSize(value)
    begin = end
  }
  return extension
}

function paxSize(value: string): number {
  const size = /^\d+$/.test(value) ? Number(value) : Number.NaN
  if (Number.isSafeInteger(size)) return size
  throw new Fault('is damaged: a pax header has no size that is possible')
}

/** Up to the first NUL. */
function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return Buffer.from(bytes.buffer, bytes.byteOffset, end < 0 ? bytes.length : end).toString('utf8')
}

const smallestWindow = 4096
const largestWindow = 2 ** 18

/** Reads ahead where headers are close to each other, and little where contents lie between them. */
class Window {
  readonly #source: ByteSource
  readonly #end: number
  #bytes: Uint8Array = new Uint8Array(0)
  #begin = 0
  #length = smallestWindow

  constructor(source: ByteSource, end: number) {
    this.#source = source
    this.#end = end
  }

  /** Fewer bytes where the range or the source ends; they are there until the next call. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const limit = Math.min(offset + length, this.#end)
    if (offset < this.#begin || limit > this.#begin + this.#bytes.length) {
      const isNear = offset - (this.#begin + this.#bytes.length) < this.#length
      this.#length = isNear ? Math.min(2 * this.#length, largestWindow) : smallestWindow
      const wanted = Math.max(0, Math.min(Math.max(length, this.#length), this.#end - offset))
      this.#bytes = await this.#source.read(offset, wanted)
      this.#begin = offset
    }
    return this.#bytes.subarray(offset - this.#begin, Math.max(0, limit - this.#begin))
  }
}
