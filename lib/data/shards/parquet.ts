import { basename } from 'node:path'
import type { PictureSource } from '../../../binding.js'
import { checkNumber } from '../../checks.js'
import { checkNotAborted } from '../../queue.js'
import { type ByteSource, FileBytes } from '../byteSource.js'
import { lastNotAbove } from '../columns.js'
import type { CachedFile } from '../remote/diskCache.js'
import { describeRemote, fetchPart } from '../remote/http.js'
import type { DataSet, Sample, SampleSource } from '../source.js'
import { nameClasses } from './classes.js'
import { type ParquetTable, readPictures, readTable } from './parquetFile.js'
import { isUrl, partShards } from './shardNames.js'
import type { RemoteShards } from './shardSource.js'
import { openRemote, type ShardOptions, splitWhole } from './webDataset.js'
import { WindowOrder } from './windowOrder.js'

/** Bytes of pictures that are held beyond those which the latest batches need. */
const heldBytes = 512 * 2 ** 20
/** Calls of ready() whose pictures are certainly held: they are asked for right after it. */
const callsHeld = 4

interface ParquetFile {
  path: string
  remote?: CachedFile
  /** Its parts on the server. */
  ranges?: ByteSource
  table: ParquetTable
}

/**
 * Hugging Face parquet shards, on this machine or on a server: pictures as `{ bytes, path }`, labels as numbers (with
 * the names in the file's metadata) or names. Row groups are read into memory as they are needed.
 *
 * @throws ERR_GOOGLENET_DATA, ERR_GOOGLENET_IO, ERR_GOOGLENET_ABORTED.
 */
export async function openParquet(names: readonly string[], options: ShardOptions = {}): Promise<DataSet> {
  const { train, validation } = partShards(names)
  const all = train.length > 0 ? [...train, ...validation] : validation
  const remote = all.some(isUrl) ? await openRemote(options.remote) : undefined
  const files: ParquetFile[] = []
  for (const name of all) {
    checkNotAborted(options.signal)
    files.push(isUrl(name) ? await openRemoteFile(name, remote!, options.signal) : await openLocalFile(name))
    options.onProgress?.(files.length, all.length)
  }
  const texts = [...new Set(files.flatMap(({ table }) => [...new Set(table.classes)]))]
  const { names: classes, labelOf } = nameClasses(texts, options.classNames ?? files[0]?.table.names)
  const part = (begin: number, end?: number) =>
    new ParquetSource(classes, files.slice(begin, end), labelOf, remote)
  const trained = train.length > 0 ? train.length : all.length
  return splitWhole(part(0, trained), part(trained), options)
}

async function openLocalFile(path: string): Promise<ParquetFile> {
  await using file = await FileBytes.open(path)
  return { path, table: await readTable(file, path) }
}

/** Footer and labels by ranges; the whole comes when its pictures are needed, or of few the row groups alone. */
async function openRemoteFile(url: string, { cache, http }: RemoteShards, signal?: AbortSignal) {
  const remote = await describeRemote(url, http, signal)
  const ranges: ByteSource = {
    size: remote.size,
    read(begin, wanted) {
      const length = Math.max(0, Math.min(wanted, remote.size - begin))
      return fetchPart(remote, { begin, length }, http, signal)
    },
  }
  return { path: cache.pathOf(remote), remote, ranges, table: await readTable(ranges, url) }
}

/** A row group of a file. */
interface Group {
  file: ParquetFile
  begin: number
  end: number
}

class ParquetSource implements SampleSource {
  readonly length: number
  readonly #labels: Uint32Array
  readonly #groups: Group[] = []
  /** Index of the first sample of each group, and the count of all. */
  readonly #starts: Float64Array
  /** Pictures of groups, the least recently used first. */
  readonly #held = new Map<number, Promise<Uint8Array[]>>()
  readonly #pictures = new Map<number, Uint8Array[]>()
  readonly #latest: Set<number>[] = []
  readonly #remote: RemoteShards | undefined

  constructor(
    readonly classes: readonly string[],
    files: readonly ParquetFile[],
    labelOf: (text: string) => number,
    remote: RemoteShards | undefined,
  ) {
    this.#remote = remote
    this.#labels = Uint32Array.from(files.flatMap(({ table }) => table.classes.map(labelOf)))
    this.length = this.#labels.length
    for (const file of files) {
      let begin = 0
      for (const rows of file.table.groups) {
        this.#groups.push({ file, begin, end: begin + rows })
        begin += rows
      }
    }
    this.#starts = new Float64Array(this.#groups.length + 1)
    for (const [i, { begin, end }] of this.#groups.entries())
      this.#starts[i + 1] = this.#starts[i]! + end - begin
  }

  sample(index: number): Sample {
    checkNumber('sample', index, { min: 0, below: this.length, whole: true })
    const place = lastNotAbove(this.#starts, index)
    const { file, begin } = this.#groups[place]!
    const row = index - this.#starts[place]!
    const name = `${basename(file.path)}#${begin + row}`
    const source: PictureSource = this.#pictures.get(place)?.[row] ?? `${name}, which was not made ready`
    return { source, label: this.#labels[index]!, name }
  }

  order(seed: number, epoch: number): WindowOrder {
    return new WindowOrder(seed, epoch, this.#starts)
  }

  async ready(indices: Iterable<number>, signal?: AbortSignal, few = false): Promise<void> {
    const places = new Set(Array.from(indices, (index) => lastNotAbove(this.#starts, index)))
    this.#latest.push(places)
    try {
      await Promise.all(Array.from(places, (place) => this.#read(place, few, signal)))
    } finally {
      this.#release()
    }
  }

  async #read(place: number, few: boolean, signal?: AbortSignal): Promise<void> {
    const reading = this.#held.get(place) ?? this.#load(this.#groups[place]!, few, signal)
    this.#held.delete(place)
    this.#held.set(place, reading)
    try {
      this.#pictures.set(place, await reading)
    } catch (error) {
      this.#held.delete(place)
      throw error
    }
  }

  async #load({ file, begin, end }: Group, few: boolean, signal?: AbortSignal): Promise<Uint8Array[]> {
    const { remote, ranges } = file
    if (remote) {
      const { cache, http } = this.#remote!
      if (ranges && remote.ranges && few && !(await cache.holds(remote))) {
        return await readPictures(ranges, file.path, file.table, { begin, end })
      }
      await cache.obtain([remote], http, signal)
    }
    await using bytes = await FileBytes.open(file.path)
    return await readPictures(bytes, file.path, file.table, { begin, end })
  }

  /** Lets go of what was used longest ago. */
  #release(): void {
    if (this.#latest.length > callsHeld) this.#latest.shift()
    const needed = new Set(this.#latest.flatMap((places) => [...places]))
    const sizes = Array.from(this.#pictures, ([place, pictures]) => ({
      place,
      size: pictures.reduce((sum, { length }) => sum + length, 0),
    }))
    let total = sizes.reduce((sum, { size }) => sum + size, 0)
    for (const place of [...this.#held.keys()]) {
      if (total <= heldBytes) return
      if (needed.has(place) || !this.#pictures.has(place)) continue
      total -= sizes.find((one) => one.place === place)!.size
      this.#held.delete(place)
      this.#pictures.delete(place)
    }
  }
}
