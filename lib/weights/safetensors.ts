import { type FileHandle, open, stat } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { shown } from '../checks.js'
import { asGoogLeNetError } from '../errors.js'
import { writeFileAtomic } from '../files.js'
import { elementCount, type Tensor } from '../tensors.js'
import { type Dtype, dtypeBytes, isDtype, toTensorData } from './dtypes.js'
import { findRepeatedKey } from './json.js'

/** A tensor of a file: floats whatever their precision was, or 64-bit integers (PyTorch's batch counts). */
export type FileTensor = Tensor | { shape: readonly number[]; data: BigInt64Array }

export interface SafetensorsFile {
  /** In the order in which they lie in the file. */
  tensors: Map<string, FileTensor>
  metadata: Record<string, string>
}

/** One tensor as the header describes it; bytes count from the end of the header. */
interface Entry {
  name: string
  dtype: Dtype
  shape: readonly number[]
  begin: number
  end: number
}

/** As in the reference implementation: enough for any network, too little to exhaust the memory. */
const largestHeader = 100_000_000
const lengthBytes = 8

/**
 * The metadata entry with the CRC-32 of the file behind its first eight bytes, in hexadecimal; of itself as zeros. Files
 * from elsewhere have none.
 */
const checksumKey = 'googlenet.crc32'
const noChecksum = '00000000'

/**
 * Reads a safetensors file (https://github.com/huggingface/safetensors#format): F32, F16, BF16 and F64 into
 * Float32Arrays, I64 as it is. Nothing in the file is trusted; where it has a checksum, every bit is checked.
 *
 * @throws ERR_GOOGLENET_WEIGHTS_FORMAT saying what was found, also for a file that cannot be opened.
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  let file: FileHandle | undefined
  try {
    const status = await stat(path)
    if (!status.isFile()) throw new Error('it is not a file') // opening a pipe would wait for its writer
    file = await open(path, 'r')
    const headerLength = await readHeaderLength(file, status.size)
    const headerBytes = await readBytes(file, lengthBytes, headerLength)
    const { entries, metadata: all } = parseHeader(decodeHeader(headerBytes))
    const { [checksumKey]: stated, ...metadata } = all
    const start = lengthBytes + headerLength
    checkLayout(entries, status.size - start)
    const tensors = new Map<string, FileTensor>()
    let sum = stated === undefined ? 0 : crc32(withoutChecksum(headerBytes, stated))
    for (const { name, dtype, shape, begin, end } of entries) {
      const bytes = await readBytes(file, start + begin, end - begin)
      if (stated !== undefined) sum = addedUp(sum, bytes)
      tensors.set(name, { shape, data: toTensorData(dtype, bytes) } as FileTensor)
    }
    if (stated !== undefined && stated !== hexadecimal(sum)) {
      throw new Error(
        `its checksum is ${hexadecimal(sum)}, it says ${shown(stated)}: it was damaged after it was written; take an ` +
          `earlier checkpoint or another copy (or, if another program changed it, remove its metadata "${checksumKey}")`,
      )
    }
    return { tensors, metadata }
  } catch (error) {
    throw asGoogLeNetError(error, 'ERR_GOOGLENET_WEIGHTS_FORMAT', `cannot read ${path} as safetensors`)
  } finally {
    await file?.close()
  }
}

/**
 * Writes a safetensors file, floats as F32, integers as I64, with a checksum.
 *
 * @throws ERR_GOOGLENET_IO; what was at `path` stays then.
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, FileTensor>,
  metadata: Record<string, string> = {},
): Promise<void> {
  // Wider elements first, so that each tensor lies at a multiple of its element's size.
  const ordered = [...tensors].sort(([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT)
  const header: Record<string, unknown> = Object.create(null)
  header.__metadata__ = { ...metadata, [checksumKey]: noChecksum }
  let end = 0
  for (const [name, { shape, data }] of ordered) {
    const begin = end
    end += data.byteLength
    const dtype = data instanceof Float32Array ? 'F32' : 'I64'
    header[name] = { dtype, shape, data_offsets: [begin, end] }
  }
  const pieces = ordered.map(([, { data }]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  const headerBytes = encodeHeader(header)
  let sum = crc32(headerBytes.subarray(lengthBytes))
  for (const piece of pieces) {
    sum = addedUp(sum, piece)
    await setImmediate() // lets others have the event loop
  }
  headerBytes.write(hexadecimal(sum), checksumPlace(headerBytes, noChecksum))
  await writeFileAtomic(path, async (file) => {
    for (const piece of [headerBytes, ...pieces]) await file.writeFile(piece)
  })
}

/** zlib's CRC-32 of no bytes is that of none before either. */
const addedUp = (sum: number, bytes: Uint8Array): number => (bytes.length > 0 ? crc32(bytes, sum) : sum)

const hexadecimal = (sum: number): string => sum.toString(16).padStart(8, '0')

/** Where a checksum is in a header; -1 if it is nowhere in this form. */
function checksumPlace(header: Buffer, checksum: string): number {
  const key = `"${checksumKey}":"`
  const found = header.lastIndexOf(`${key}${checksum}"`)
  return found < 0 ? found : found + key.length
}

/** A header as it was when its checksum was made. */
function withoutChecksum(header: Uint8Array<ArrayBuffer>, checksum: string): Buffer {
  const bytes = Buffer.from(header)
  const place = checksumPlace(bytes, checksum)
  if (place >= 0) bytes.write(noChecksum, place)
  return bytes
}

function encodeHeader(header: object): Buffer {
  const json = Buffer.from(JSON.stringify(header))
  const padded = Buffer.alloc(lengthBytes + Math.ceil(json.length / 8) * 8, ' ')
  padded.writeBigUInt64LE(BigInt(padded.length - lengthBytes))
  json.copy(padded, lengthBytes)
  return padded
}

async function readHeaderLength(file: FileHandle, size: number): Promise<number> {
  if (size < lengthBytes) throw new Error(`it has ${size} bytes, too few for a header`)
  const length = Buffer.from(await readBytes(file, 0, lengthBytes)).readBigUInt64LE()
  if (length > largestHeader) {
    throw new Error(`its header would be ${length} bytes long, the longest allowed is ${largestHeader}`)
  }
  if (Number(length) > size - lengthBytes) {
    throw new Error(`its header would be ${length} bytes long, the file has ${size}; it may be cut short`)
  }
  return Number(length)
}

function decodeHeader(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Error('its header is not UTF-8')
  }
}

function parseHeader(text: string): { entries: Entry[]; metadata: Record<string, string> } {
  let header: unknown
  try {
    header = JSON.parse(text)
  } catch (error) {
    throw new Error(`its header is not JSON: ${(error as Error).message}`)
  }
  if (!isObject(header)) throw new Error('its header is not a JSON object')
  const repeated = findRepeatedKey(text)
  if (repeated !== undefined) throw new Error(`its header holds ${shown(repeated)} twice`)
  const { __metadata__: metadata = {}, ...described } = header
  if (!isTextRecord(metadata)) throw new Error('its __metadata__ is not an object of strings')
  return { entries: Object.entries(described).map(parseEntry), metadata }
}

function parseEntry([name, found]: [string, unknown]): Entry {
  const refuse = (what: string) => new Error(`tensor ${shown(name)} ${what}`)
  if (!isObject(found)) throw refuse(`is described by ${shown(found)}, not by an object`)
  const { dtype, shape, data_offsets: offsets } = found
  if (!isDtype(dtype)) throw refuse(`has dtype ${shown(dtype)}; F32, F16, BF16, F64 and I64 are read`)
  if (!isCounts(shape)) throw refuse(`has shape ${shown(shape)}, not a list of whole numbers`)
  if (!isCounts(offsets) || offsets.length !== 2)
    throw refuse(`has offsets ${shown(offsets)}, not a begin and an end`)
  const [begin, end] = offsets as [number, number]
  const bytes = elementCount(shape) * dtypeBytes[dtype] // inexact or infinite only above every file's size
  if (bytes !== end - begin) {
    throw refuse(
      `of shape ${shown(shape)} and dtype ${dtype} takes ${bytes} bytes, its offsets are ${shown(offsets)}`,
    )
  }
  return { name, dtype, shape, begin, end }
}

/** Sorts the entries by place: they must cover all bytes of the file, each byte once. */
function checkLayout(entries: Entry[], bytes: number): void {
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end)
  let end = 0
  for (const entry of entries) {
    const place = `tensor ${shown(entry.name)} lies at [${entry.begin}, ${entry.end}]`
    if (entry.end > bytes) throw new Error(`${place}, the file ends at ${bytes}; it may be cut short`)
    if (entry.begin < end) throw new Error(`${place}, which overlaps the one before it, which ends at ${end}`)
    if (entry.begin > end) throw new Error(`${place}, which leaves a gap after ${end}`)
    end = entry.end
  }
  if (end !== bytes) throw new Error(`its tensors end at ${end}, the file at ${bytes}`)
}

async function readBytes(
  file: FileHandle,
  position: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length)
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(bytes, done, Math.min(length - done, 2 ** 30), position + done)
    if (bytesRead === 0) throw new Error(`it ended at ${position + done} while it was read`)
    done += bytesRead
  }
  return bytes
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTextRecord(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((entry) => typeof entry === 'string')
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0)
}
