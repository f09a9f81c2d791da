import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import {
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  statfs,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { asGoogLeNetError, GoogLeNetError } from '../../errors.js'
import { isProcessAlive, writeFileAtomic } from '../../files.js'
import { checkNotAborted } from '../../queue.js'
import { bytes } from '../../report/format.js'
import { fetchRange, type HttpOptions, type RemoteFile, withoutSecrets } from './http.js'

export interface CachedFile extends RemoteFile {
  /** Hexadecimal; checked when the file has come. */
  md5?: string
}

/** Groups of files that were asked for together, of which the latest are never removed: they are being read. */
const groupsKept = 32
/** Another process may be reading what was asked for this short a time ago. */
const keptForOthersMs = 120_000
const downloadsAtOnce = 4
const pollMs = 250
/** A download that has had nothing for so long has been given up: requests are, after minutes. */
const abandonedMs = 600_000

/**
 * Files of servers on this machine's disk, whole. Together they take at most `limit` bytes: the least recently used
 * leaves first. A download that was broken off goes on where it stopped, in a later process too. Processes may share
 * the folder.
 */
export class DiskCache {
  /** One a folder, so that all who read from it know what the others need. */
  static readonly #open = new Map<string, DiskCache>()
  readonly #pending = new Map<string, Promise<void>>()
  /** Files that this process has asked for, and when it did last. */
  readonly #brought = new Map<string, number>()
  /** Bytes that the files which are on their way will take. */
  readonly #reserved = new Map<string, number>()
  readonly #groups: string[][] = []
  #running = 0
  readonly #waiting: (() => void)[] = []

  private constructor(
    readonly folder: string,
    /** Bytes. */
    public limit: number,
  ) {}

  /**
   * `limit` is half of the free space by default; for a folder that is open already it replaces the one before.
   *
   * @throws ERR_GOOGLENET_IO when the folder cannot be made.
   */
  static async open(folder: string, limit?: number): Promise<DiskCache> {
    try {
      await mkdir(folder, { recursive: true })
      const key = await realpath(folder)
      const { bavail, bsize } = await statfs(key)
      const cache = DiskCache.#open.get(key) ?? new DiskCache(key, Math.floor((bavail * bsize) / 2))
      DiskCache.#open.set(key, cache)
      if (limit !== undefined) cache.limit = limit
      return cache
    } catch (error) {
      throw asGoogLeNetError(error, 'ERR_GOOGLENET_IO', `cannot use the cache folder ${folder}`)
    }
  }

  /** Where a file lies once it has come. */
  pathOf({ url }: RemoteFile): string {
    const key = createHash('sha256').update(url).digest('hex').slice(0, 24)
    return join(this.folder, `${key}-${basename(new URL(url).pathname).slice(-80)}`)
  }

  /**
   * Makes files be there, and keeps them there while they are among the latest that were asked for.
   *
   * @throws ERR_GOOGLENET_IO, ERR_GOOGLENET_DATA for content that is not what was described, ERR_GOOGLENET_OPTION when
   * they do not fit into the limit, ERR_GOOGLENET_ABORTED.
   */
  async obtain(files: readonly CachedFile[], http: HttpOptions, signal?: AbortSignal): Promise<void> {
    this.#groups.push(files.map((file) => this.pathOf(file)))
    if (this.#groups.length > groupsKept) this.#groups.shift()
    const obtained = await Promise.allSettled(files.map((file) => this.#obtain(file, http, signal)))
    for (const one of obtained) if (one.status === 'rejected') throw one.reason
  }

  /** Whether a file is there, whole; it counts as used then. */
  holds(file: CachedFile): Promise<boolean> {
    return this.#isThere(file, this.pathOf(file))
  }

  async #obtain(file: CachedFile, http: HttpOptions, signal?: AbortSignal): Promise<void> {
    const path = this.pathOf(file)
    for (;;) {
      checkNotAborted(signal)
      const pending = this.#pending.get(path)
      if (pending === undefined) break
      // Broken off by its own signal, it says nothing about this call.
      await pending.catch((error) => {
        if ((error as GoogLeNetError).code !== 'ERR_GOOGLENET_ABORTED') throw error
      })
    }
    const work = this.#bring(file, path, http, signal).catch((error) => {
      throw asGoogLeNetError(
        error,
        'ERR_GOOGLENET_IO',
        `cannot keep ${withoutSecrets(file.url)} in ${this.folder}`,
      )
    })
    this.#pending.set(path, work)
    try {
      await work
    } finally {
      this.#pending.delete(path)
    }
  }

  async #bring(file: CachedFile, path: string, http: HttpOptions, signal?: AbortSignal): Promise<void> {
    await this.#makeBeThere(file, path, http, signal)
    this.#brought.set(path, (await stat(path)).mtimeMs)
  }

  async #makeBeThere(file: CachedFile, path: string, http: HttpOptions, signal?: AbortSignal): Promise<void> {
    if (await this.#isThere(file, path)) return
    if (this.#running >= downloadsAtOnce) await new Promise<void>((turn) => this.#waiting.push(turn))
    this.#running++
    try {
      checkNotAborted(signal)
      const part = await this.#beginPart(file, path, signal)
      if (part === undefined) return
      this.#reserved.set(part, file.size)
      await this.#makeRoom(file)
      await download(file, part, http, signal)
      await checkDigest(file, part)
      await writeFileAtomic(`${path}.json`, JSON.stringify(describe(file)))
      await rename(part, path)
      await rm(`${path}.part.json`, { force: true })
      await rm(claimOf(path), { force: true })
    } catch (error) {
      if (await isClaimedBy(process.pid, path)) await rm(claimOf(path), { force: true })
      throw error
    } finally {
      this.#reserved.delete(`${path}.${process.pid}.part`)
      this.#running--
      this.#waiting.shift()?.()
    }
  }

  async #isThere(file: CachedFile, path: string): Promise<boolean> {
    const found = await stat(path).catch(() => undefined)
    if (found?.size !== file.size || !(await isDescribed(`${path}.json`, file))) return false
    const now = new Date()
    // Another process may have removed it meanwhile.
    return utimes(path, now, now).then(
      () => true,
      () => false,
    )
  }

  /** The file to download into; undefined when another process has brought the whole meanwhile. */
  async #beginPart(file: CachedFile, path: string, signal?: AbortSignal): Promise<string | undefined> {
    const own = `${path}.${process.pid}.part`
    for (;;) {
      if (await claim(path)) {
        const begins = `${basename(path)}.`
        const left = (await readdir(this.folder)).find(
          (name) =>
            name.startsWith(begins) &&
            /^\d+\.part$/.test(name.slice(begins.length)) &&
            !isProcessAlive(pidOf(name)),
        )
        if (left !== undefined) await rename(join(this.folder, left), own).catch(() => {})
        if (!(await isDescribed(`${path}.part.json`, file))) await rm(own, { force: true })
        await writeFileAtomic(`${path}.part.json`, JSON.stringify(describe(file)))
        return own
      }
      await wait(pollMs, undefined, signal ? { signal } : {}).catch(() => checkNotAborted(signal))
      if (await this.#isThere(file, path)) return undefined
    }
  }

  /** Removes the least recently used until the file fits. */
  async #makeRoom(file: CachedFile): Promise<void> {
    const held = new Set(this.#groups.flat())
    const entries: { path: string; size: number; used: number }[] = []
    for (const name of await readdir(this.folder)) {
      const path = join(this.folder, name)
      const status = await stat(path).catch(() => undefined)
      if (status?.isFile()) entries.push({ path, size: status.size, used: status.mtimeMs })
    }
    let total = 0
    for (const size of this.#reserved.values()) total += size
    for (const { path, size } of entries) total += this.#reserved.has(path) ? 0 : size
    entries.sort((a, b) => a.used - b.used)
    for (const { path, size, used } of entries) {
      if (total <= this.limit) return
      const isShard = !/\.(json|part|claim)$/.test(path)
      const isLeft = path.endsWith('.part') && !isProcessAlive(pidOf(path))
      if (!isLeft && !(isShard && this.#mayLeave(path, used, held))) continue
      await rm(path, { force: true })
      await rm(`${path}.json`, { force: true })
      this.#brought.delete(path)
      total -= size
    }
    if (total <= this.limit) return
    throw new GoogLeNetError(
      'ERR_GOOGLENET_OPTION',
      `the cache ${this.folder} may take ${bytes(this.limit)}, but with ${withoutSecrets(file.url)} what is in use ` +
        `takes ${bytes(total)}; raise its limit or make the shards smaller`,
    )
  }

  /** What this process used last is known to be in use or not; what another did, is left for a while. */
  #mayLeave(path: string, used: number, held: ReadonlySet<string>): boolean {
    const isOurs = used <= (this.#brought.get(path) ?? 0)
    return !held.has(path) && (isOurs || Date.now() - used > keptForOthersMs)
  }
}

/** Says which process downloads a file. */
const claimOf = (path: string): string => `${path}.claim`

/**
 * Whether this process is the one that downloads a file. A claim of a process that has ended does not count, nor of one
 * that has had nothing for so long that it cannot be at it: another machine's, or one with a number that was used before.
 */
async function claim(path: string): Promise<boolean> {
  const file = claimOf(path)
  for (;;) {
    try {
      await writeFile(file, String(process.pid), { flag: 'wx' })
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const owner = Number(await readFile(file, 'utf8').catch(() => '')) // 0 while it is written
    const times = await Promise.all([file, `${path}.${owner}.part`].map(timeOf))
    const isAtIt = owner === 0 || (owner !== process.pid && isProcessAlive(owner))
    if (isAtIt && Date.now() - Math.max(...times) < abandonedMs) return false
    await rm(file, { force: true })
  }
}

/** When a file was changed last; 0 when it is not there. */
const timeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  )

async function isClaimedBy(pid: number, path: string): Promise<boolean> {
  return (await readFile(claimOf(path), 'utf8').catch(() => '')) === String(pid)
}

/** What tells this state of a file from others. */
const describe = ({ url, size, etag, modified, md5 }: CachedFile): object => ({
  url,
  size,
  etag,
  modified,
  md5,
})

/** Whether what lies there belongs to this state of the file. */
async function isDescribed(path: string, file: CachedFile): Promise<boolean> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text === JSON.stringify(describe(file))
}

async function download(
  file: CachedFile,
  part: string,
  http: HttpOptions,
  signal?: AbortSignal,
): Promise<void> {
  const out = await open(part, 'a')
  try {
    const { size: left } = await out.stat()
    const begin = left > file.size ? 0 : left
    await out.truncate(begin)
    await fetchRange(
      file,
      { begin, length: file.size - begin },
      async (piece) => {
        await out.appendFile(piece)
      },
      http,
      signal,
    )
    await out.sync()
  } finally {
    await out.close()
  }
}

/** @throws ERR_GOOGLENET_DATA, the file being removed, so that the next call fetches it anew. */
async function checkDigest(file: CachedFile, path: string): Promise<void> {
  if (file.md5 === undefined) return
  const digest = createHash('md5')
  for await (const piece of createReadStream(path)) digest.update(piece as Uint8Array)
  const found = digest.digest('hex')
  if (found === file.md5.toLowerCase()) return
  await rm(path, { force: true })
  throw new GoogLeNetError(
    'ERR_GOOGLENET_DATA',
    `${withoutSecrets(file.url)}: its MD5 is ${found}, it should be ${file.md5}; it was damaged on the way or on the server`,
  )
}

const pidOf = (part: string): number => Number(/\.(\d+)\.part$/.exec(part)?.[1] ?? 0)
