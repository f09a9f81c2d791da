import { setImmediate } from 'node:timers/promises'
import { count } from '../report/format.js'
import type { ByteSource } from './byteSource.js'
import { Faults } from './faults.js'
import { isPicture } from './listing.js'
import { type SampleIndex, SampleIndexBuilder } from './sampleIndex.js'
import { lostAtEnd, readTar, type TarEntry, type TarRange } from './tar.js'

export interface ScanOptions {
  signal?: AbortSignal
  /** Called several times a second with the place in the archive. */
  onProgress?: (offset: number) => void
}

/**
 * Finds the pictures of a tar archive, and of the tar archives in it, reading headers alone. A picture's group is the
 * archive in the archive that holds it, or else its folder. Hidden files and what is no picture are passed over; of
 * what has the same name twice the later counts, as in unpacking. What cannot be used is in the index's faults: of an
 * archive that is damaged or ends early, whatever is whole before that place is used.
 *
 * @param name of the archive, for faults.
 * @throws ERR_GOOGLENET_ABORTED, and what `source` throws.
 */
export async function scanArchive(
  source: ByteSource & { mtimeMs?: number },
  name: string,
  options: ScanOptions = {},
): Promise<SampleIndex> {
  const scan = new Scan(source, options)
  await scan.read(name, {})
  return scan.finish(source.mtimeMs)
}

const longestName = 4096
const longestPicture = 2 ** 32 - 1
const progressMs = 100

class Scan {
  readonly #source: ByteSource
  readonly #options: ScanOptions
  readonly #faults = new Faults()
  /** By group and name, the place in the lists below. */
  readonly #groups = new Map<string, Map<string, number>>()
  readonly #offsets: number[] = []
  readonly #lengths: number[] = []
  #lastProgress = performance.now()

  constructor(source: ByteSource, options: ScanOptions) {
    this.#source = source
    this.#options = options
  }

  /** An archive, or with `group` one in it. */
  async read(name: string, range: TarRange, group?: string): Promise<void> {
    const { signal } = this.#options
    const entries = readTar(this.#source, { ...range, ...(signal && { signal }) })
    for (;;) {
      const next = await entries.next()
      if (!next.done) {
        await this.#see(next.value, group)
        continue
      }
      const fault = lostAtEnd(next.value, range.end ?? this.#source.size)
      if (fault !== undefined) this.#faults.add(name, fault)
      return
    }
  }

  async #see(entry: TarEntry, group: string | undefined): Promise<void> {
    this.#tellProgress(entry.offset)
    const isArchive = /\.tar$/i.test(entry.name)
    const path = entry.name.replace(/^(\.\/)+/, '')
    if (entry.kind === 'folder' || !(isArchive || isPicture(path)) || isHidden(path)) return
    const shown = group === undefined ? path : `${group}/${path}`
    const fault = faultOf({ ...entry, name: path })
    if (fault) return this.#faults.add(shown, fault)
    if (!isArchive) {
      if (entry.missing === 0) this.#add(entry, path, group)
      else this.#faults.add(shown, `is cut off: ${count(entry.missing)} of its bytes are not there`)
    } else if (group === undefined) {
      const stem = path.slice(path.lastIndexOf('/') + 1, -'.tar'.length)
      if (this.#groups.delete(stem)) this.#faults.add(shown, 'is there twice; the later one is used')
      await this.read(shown, { begin: entry.offset, end: entry.offset + entry.length }, stem)
    } else {
      this.#faults.add(shown, 'is an archive in an archive in an archive')
    }
  }

  #add({ offset, length }: TarEntry, path: string, within: string | undefined): void {
    const [folder, file] = split(path)
    const group = within ?? split(folder)[1]
    const name = within === undefined ? file : path
    const members = this.#groups.get(group) ?? new Map<string, number>()
    this.#groups.set(group, members)
    if (members.has(name)) {
      this.#faults.add(group === '' ? name : `${group}/${name}`, 'is there twice; the later one is used')
    }
    members.set(name, this.#offsets.length)
    this.#offsets.push(offset)
    this.#lengths.push(length)
  }

  #tellProgress(offset: number): void {
    const now = performance.now()
    if (now - this.#lastProgress < progressMs) return
    this.#lastProgress = now
    this.#options.onProgress?.(offset)
  }

  /** Groups are sorted, and the pictures of each. */
  async finish(mtimeMs: number | undefined): Promise<SampleIndex> {
    const index = new SampleIndexBuilder()
    for (const group of [...this.#groups.keys()].sort()) {
      await setImmediate() // others have work for the event loop too
      const members = this.#groups.get(group)!
      for (const name of [...members.keys()].sort()) {
        const place = members.get(name)!
        const [offset, length] = [this.#offsets[place]!, this.#lengths[place]!]
        index.add({ offset, length, className: group, name })
      }
    }
    return index.finish(this.#source.size, mtimeMs, this.#faults)
  }
}

const split = (path: string): [folder: string, name: string] => {
  const slash = path.lastIndexOf('/')
  return [path.slice(0, Math.max(0, slash)), path.slice(slash + 1)]
}

const isHidden = (path: string): boolean => path.split('/').some((part) => /^\.(?!\.?$)/.test(part))

/** Why an entry is not used, whatever its content. */
function faultOf({ name, kind, length, missing }: TarEntry): string | undefined {
  if (name.length > longestName) return `has a name of ${count(name.length)} characters`
  // biome-ignore lint/suspicious/noControlCharactersInRegex: such names are what is looked for
  if (/[\x00-\x1f\x7f]/.test(name)) return 'has control characters in its name'
  if (name.startsWith('/') || name.split('/').includes('..'))
    return 'has a name that leads out of the archive'
  if (kind !== 'file') return kind === 'link' ? 'is a link' : 'is no regular file'
  if (!/\.tar$/i.test(name) && length + missing > longestPicture) return 'is larger than 4 GiB'
  return undefined
}
