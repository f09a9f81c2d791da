import { setImmediate } from 'node:timers/promises'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { GoogLeNetError } from '../../errors.js'
import type { ByteSource } from '../byteSource.js'

/** What a parquet file of pictures holds, its pictures left where they are. */
export interface ParquetTable {
  metadata: FileMetaData
  image: string
  /** Of each row: its class, a number in decimal or a name. */
  classes: string[]
  /** Names of the classes that are numbered, where the file says them. */
  names?: readonly string[]
  /** Rows of each row group. */
  groups: number[]
}

/** `length` bytes come out, or it is an error: some kilobytes could become as many gigabytes. */
const compressors = {
  GZIP: (bytes: Uint8Array, length: number) =>
    new Uint8Array(gunzipSync(bytes, { maxOutputLength: Math.max(1, length) })),
  BROTLI: (bytes: Uint8Array, length: number) =>
    new Uint8Array(brotliDecompressSync(bytes, { maxOutputLength: Math.max(1, length) })),
}

/**
 * Reads a parquet file's footer and its labels: the columns that Hugging Face's metadata call Image and ClassLabel, or
 * else `image` and `label`.
 *
 * @throws ERR_GOOGLENET_DATA when it is no parquet file, is damaged or has no such columns.
 */
export async function readTable(source: ByteSource, path: string): Promise<ParquetTable> {
  return reading(source, path, async (file) => {
    // Its look for columns of places on Earth never ends where a damaged footer says of one that it has -1 children.
    const metadata = await parquetMetadataAsync(file, { geoparquet: false })
    checkColumns(metadata, path)
    const features = readFeatures(metadata)
    const columns = metadata.schema.slice(1).map(({ name }) => name)
    const image = features.image ?? 'image'
    const label = features.label ?? 'label'
    for (const column of [image, label]) {
      if (columns.includes(column)) continue
      throw refuse(path, `it has no column "${column}"; its columns are ${columns.join(', ')}`)
    }
    const rows = await parquetReadObjects({ file, metadata, columns: [label], compressors })
    const classes = rows.map((row, i) => classOf(row[label], `${path}: row ${i}`))
    const groups = metadata.row_groups.map((group) => Number(group.num_rows))
    if (groups.reduce((sum, count) => sum + count, 0) !== classes.length) {
      throw refuse(path, 'its row groups do not hold the rows that it says')
    }
    return { metadata, image, classes, groups, ...(features.names && { names: features.names }) }
  })
}

/** The pictures of some rows, as files; empty where there is none. @throws ERR_GOOGLENET_DATA. */
export async function readPictures(
  source: ByteSource,
  path: string,
  { metadata, image }: ParquetTable,
  { begin, end }: { begin: number; end: number },
): Promise<Uint8Array[]> {
  return reading(source, path, async (file) => {
    checkColumns(metadata, path)
    const rows = await parquetReadObjects({
      file,
      metadata,
      columns: [image],
      rowStart: begin,
      rowEnd: end,
      utf8: false,
      compressors,
    })
    return rows.map((row) => {
      const found: unknown = row[image]
      const bytes = found instanceof Uint8Array ? found : (found as { bytes?: unknown } | null)?.bytes
      return bytes instanceof Uint8Array ? bytes : new Uint8Array(0)
    })
  })
}

/**
 * Bytes as the reader takes them. What it asked for before it gave up it would go on with, and nobody would hear of what
 * that throws: once `isOver` nothing comes any more.
 */
function bufferOf(source: ByteSource, isOver: () => boolean): AsyncBuffer {
  const read = async (begin: number, end: number): Promise<ArrayBuffer> => {
    const bytes = await source.read(begin, end - begin)
    if (bytes.length < end - begin) throw new Error('it ends early')
    await setImmediate()
    if (isOver()) await new Promise(() => {})
    return new Uint8Array(bytes).buffer
  }
  return {
    byteLength: source.size,
    slice(begin, end = source.size) {
      const bytes = read(begin < 0 ? source.size + begin : begin, end)
      bytes.catch(() => {}) // asked for ahead, it may fail when the reader has already given up
      return bytes
    },
  }
}

/** A column that is there twice the reader decodes twice, and looks at one: what the other throws would end the process. */
function checkColumns({ row_groups: groups }: FileMetaData, path: string): void {
  for (const { columns } of groups) {
    const names = columns.map(({ meta_data: found }) => JSON.stringify(found?.path_in_schema))
    if (new Set(names).size < names.length) throw refuse(path, 'its footer has a column twice')
  }
}

/** What the reader throws is about the file's bytes. */
async function reading<T>(
  source: ByteSource,
  path: string,
  work: (file: AsyncBuffer) => Promise<T>,
): Promise<T> {
  let isOver = false
  try {
    return await work(bufferOf(source, () => isOver))
  } catch (error) {
    if (error instanceof GoogLeNetError) throw error
    throw refuse(path, `it cannot be read as parquet (${(error as Error).message})`, error)
  } finally {
    isOver = true
  }
}

function classOf(value: unknown, where: string): string {
  if (typeof value === 'string' && value !== '') return value
  const isNumber = typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))
  if (isNumber && value >= 0) return String(value)
  throw refuse(
    where,
    `its label is ${String(value)}; pictures without labels cannot be trained on or evaluated`,
  )
}

interface Features {
  image?: string
  label?: string
  names?: string[]
}

/** What Hugging Face's `datasets` says of the columns in the footer. */
function readFeatures({ key_value_metadata: entries }: FileMetaData): Features {
  const text = entries?.find(({ key }) => key === 'huggingface')?.value
  if (text === undefined) return {}
  let features: Record<string, { _type?: unknown; names?: unknown } | null>
  try {
    features = JSON.parse(text)?.info?.features ?? {}
  } catch {
    return {}
  }
  const column = (type: string) => Object.keys(features).find((name) => features[name]?._type === type)
  const image = column('Image')
  const label = column('ClassLabel')
  const names = label === undefined ? undefined : features[label]?.names
  const areNames = Array.isArray(names) && names.every((name) => typeof name === 'string')
  return {
    ...(image !== undefined && { image }),
    ...(label !== undefined && { label }),
    ...(areNames && { names: names as string[] }),
  }
}

const refuse = (path: string, what: string, cause?: unknown): GoogLeNetError =>
  new GoogLeNetError('ERR_GOOGLENET_DATA', `${path}: ${what}`, { cause })
