import { promisify } from 'node:util'
import { inflate } from 'node:zlib'
import { GoogLeNetError } from '../errors.js'

/** A value of a struct's field; what is neither text nor a single number is left out. */
export type MatRow = Record<string, string | number | undefined>

const inflateAsync = promisify(inflate)
const longestInflated = 2 ** 28
const headerBytes = 128
/** Names from "MAT-File Format", The MathWorks, level 5. */
const mi = { int8: 1, uint8: 2, matrix: 14, compressed: 15, utf8: 16 } as const
const mx = { struct: 2, char: 4, double: 6, uint64: 15 } as const

/**
 * The rows of a struct array in a MATLAB file (MAT-file level 5, compressed or not), with the fields asked for.
 *
 * @throws ERR_GOOGLENET_DATA when it cannot be found or read.
 */
export async function readStructArray(
  file: Uint8Array,
  variable: string,
  fields: readonly string[],
): Promise<MatRow[]> {
  try {
    for await (const matrix of matrices(file)) {
      const rows = readStruct(matrix, variable, fields)
      if (rows) return rows
    }
  } catch (cause) {
    throw new GoogLeNetError('ERR_GOOGLENET_DATA', 'it is damaged, or not a MATLAB file of level 5', {
      cause,
    })
  }
  throw new GoogLeNetError('ERR_GOOGLENET_DATA', `it has no struct array named ${variable}`)
}

/** One tagged piece of data. */
interface Element {
  type: number
  data: DataView
}

/** The variables of a file. */
async function* matrices(file: Uint8Array): AsyncGenerator<DataView> {
  if (file.length < headerBytes || file[126] !== 0x49 || file[127] !== 0x4d) {
    throw new RangeError('no little-endian MAT-file')
  }
  const elements = new Elements(view(file.subarray(headerBytes)))
  while (!elements.done) {
    let element = elements.next()
    if (element.type === mi.compressed) {
      const inflated = await inflateAsync(bytesOf(element.data), { maxOutputLength: longestInflated })
      element = new Elements(view(inflated)).next()
    }
    if (element.type === mi.matrix) yield element.data
  }
}

/** The elements of a piece of data one after another; a RangeError where they go past its end. */
class Elements {
  readonly #data: DataView
  #next = 0

  constructor(data: DataView) {
    this.#data = data
  }

  get done(): boolean {
    return this.#next >= this.#data.byteLength
  }

  next(): Element {
    const data = this.#data
    const tag = data.getUint32(this.#next, true)
    // Up to four bytes are in the tag itself.
    const isSmall = tag >>> 16 > 0
    const type = isSmall ? tag & 0xffff : tag
    const length = isSmall ? tag >>> 16 : data.getUint32(this.#next + 4, true)
    const begin = this.#next + (isSmall ? 4 : 8)
    if (isSmall && length > 4) throw new RangeError('a small element of more than four bytes')
    const element = { type, data: slice(data, begin, length) }
    const padding = type === mi.compressed ? 0 : (8 - ((begin + length) % 8)) % 8
    this.#next = begin + length + padding
    return element
  }
}

function readStruct(matrix: DataView, variable: string, fields: readonly string[]): MatRow[] | undefined {
  const parts = new Elements(matrix)
  const { kind, count } = readShape(parts)
  if (readText(parts.next()) !== variable || kind !== mx.struct) return undefined
  const nameLength = parts.next().data.getInt32(0, true)
  const names = readText(parts.next())
  if (nameLength < 1 || names.length < nameLength) throw new RangeError('fields without names')
  const fieldNames = Array.from({ length: Math.floor(names.length / nameLength) }, (_, i) =>
    names.slice(i * nameLength, (i + 1) * nameLength).replace(/\0.*$/s, ''),
  )
  const rows: MatRow[] = []
  for (let row = 0; row < count; row++) {
    const values: MatRow = {}
    for (const name of fieldNames) {
      const { type, data } = parts.next()
      if (type !== mi.matrix) throw new RangeError('a field that is no matrix')
      if (fields.includes(name)) values[name] = readValue(data)
    }
    rows.push(values)
  }
  return rows
}

/** Class and number of elements of a matrix, from its first two parts. */
function readShape(parts: Elements): { kind: number; count: number } {
  const kind = parts.next().data.getUint32(0, true) & 0xff
  const { data } = parts.next()
  let count = 1
  for (let at = 0; at < data.byteLength; at += 4) count *= data.getInt32(at, true)
  return { kind, count }
}

function readValue(matrix: DataView): string | number | undefined {
  if (matrix.byteLength === 0) return undefined
  const parts = new Elements(matrix)
  const { kind, count } = readShape(parts)
  parts.next() // a field's matrix has no name of its own
  if (kind === mx.char) return count === 0 ? '' : readText(parts.next())
  if (kind >= mx.double && kind <= mx.uint64 && count === 1) return readNumber(parts.next())
  return undefined
}

/** Text is kept in bytes, in UTF-8 or in UTF-16. */
function readText({ type, data }: Element): string {
  const isNarrow = type === mi.int8 || type === mi.uint8 || type === mi.utf8
  return Buffer.from(bytesOf(data)).toString(isNarrow ? 'utf8' : 'utf16le')
}

/** Numbers are kept in the smallest type that holds them. */
function readNumber({ type, data }: Element): number {
  const read = numberReaders[type]
  if (!read) throw new RangeError(`numbers of type ${type}`)
  return read(data)
}

const numberReaders: Record<number, (data: DataView) => number> = {
  1: (data) => data.getInt8(0),
  2: (data) => data.getUint8(0),
  3: (data) => data.getInt16(0, true),
  4: (data) => data.getUint16(0, true),
  5: (data) => data.getInt32(0, true),
  6: (data) => data.getUint32(0, true),
  7: (data) => data.getFloat32(0, true),
  9: (data) => data.getFloat64(0, true),
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const bytesOf = (data: DataView): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

/** @throws RangeError when it is not all there. */
const slice = (data: DataView, begin: number, length: number): DataView => {
  if (begin + length > data.byteLength) throw new RangeError('an element that goes past the end')
  return new DataView(data.buffer, data.byteOffset + begin, length)
}
