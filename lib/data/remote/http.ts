import { setTimeout as wait } from 'node:timers/promises'
import { GoogLeNetError } from '../../errors.js'
import { checkNotAborted } from '../../queue.js'

/** How patient requests are. */
export interface HttpOptions {
  /** Tries in a row that bring nothing before a request is given up; 6 by default. */
  attempts?: number
  /** Seconds in which at least a KiB must come, or the connection counts as dead; 30 by default. */
  stallSeconds?: number
  /** Seconds before the second try, doubled for each further one, up to a minute; 0.5 by default. */
  backoffSeconds?: number
  /** Sent along, such as `{ authorization: 'Bearer ...' }`. */
  headers?: Readonly<Record<string, string>>
}

/** What a server says of a file. */
export interface RemoteFile {
  url: string
  size: number
  /** A strong validator: it changes when the content does. */
  etag?: string
  /** When it was changed last, in the server's words; where there is no such validator. */
  modified?: string
  /** Whether the server sends parts of it. */
  ranges?: boolean
}

/** A failure that may pass: the request is tried again. */
class Transient extends Error {
  constructor(
    message: string,
    readonly retryAfterSeconds = 0,
  ) {
    super(message)
  }
}

const leastProgress = 1024
/** A try that brought this much counts as the first again: a long file may need many. */
const goodProgress = 64 * 1024
const longestBackoff = 60

const ioError = (url: string, what: string, cause?: unknown): GoogLeNetError =>
  new GoogLeNetError('ERR_GOOGLENET_IO', `${withoutSecrets(url)}: ${what}`, { cause })

/** For messages: no user, no password, no signature in the query. */
export function withoutSecrets(url: string): string {
  const { protocol, host, pathname, search } = new URL(url)
  return `${protocol}//${host}${pathname}${search === '' ? '' : '?...'}`
}

/** The size and validator of a file. @throws ERR_GOOGLENET_IO, ERR_GOOGLENET_ABORTED. */
export function describeRemote(
  url: string,
  options: HttpOptions = {},
  signal?: AbortSignal,
): Promise<RemoteFile> {
  // A range of one byte, because many servers that sign their addresses refuse HEAD; its answer has the whole size.
  return retry(url, options, signal, () =>
    request(url, { range: 'bytes=0-0' }, options, signal, async ({ status, headers }) => {
      const total =
        status === 206
          ? parseContentRange(headers)?.size
          : Number(headers.get('content-length') ?? Number.NaN)
      if (total === undefined || !Number.isSafeInteger(total)) {
        throw ioError(url, 'the server does not say how long the file is, which must be known to read it')
      }
      const etag = headers.get('etag')
      const modified = headers.get('last-modified')
      const validator = etag?.startsWith('"') ? { etag } : modified ? { modified } : {}
      return { url, size: total, ...validator, ranges: status === 206 }
    }),
  )
}

/** A small file whole, at most `most` bytes of it. @throws ERR_GOOGLENET_IO, ERR_GOOGLENET_ABORTED. */
export function fetchWhole(
  url: string,
  most: number,
  options: HttpOptions = {},
  signal?: AbortSignal,
): Promise<Buffer<ArrayBuffer>> {
  return retry(url, options, signal, () =>
    request(url, {}, options, signal, async (response, body) => {
      if (response.status !== 200) throw new Transient('the server sent a part that was not asked for')
      const pieces: Uint8Array[] = []
      let length = 0
      for await (const piece of body) {
        length += piece.length
        if (length > most) throw ioError(url, `it is longer than the ${most} bytes that such a file may have`)
        pieces.push(piece)
      }
      const stated = response.headers.get('content-length')
      if (stated !== null && Number(stated) !== length) {
        throw new Transient(`${length} bytes came instead of ${stated}`)
      }
      return Buffer.concat(pieces)
    }),
  )
}

/**
 * The bytes of a file from `begin` on, handed to `receive` as they come: `length` in all. After a failure the rest
 * is asked for; `receive` gets every byte once and in order, with its place in the file.
 *
 * @throws ERR_GOOGLENET_IO, ERR_GOOGLENET_DATA when the file is no longer the one described, ERR_GOOGLENET_ABORTED.
 */
export async function fetchRange(
  file: RemoteFile,
  { begin, length }: { begin: number; length: number },
  receive: (piece: Uint8Array, offset: number) => Promise<void> | void,
  options: HttpOptions = {},
  signal?: AbortSignal,
): Promise<void> {
  const end = begin + length
  const validator = file.etag ?? file.modified
  let next = begin
  const resume = async (response: Response, body: AsyncIterable<Uint8Array>): Promise<void> => {
    let skipped = checkAnswer(file, next, end, response) ? 0 : next
    // Read to its end where that is known to come, a connection serves the next request too.
    const isExact = response.headers.get('content-length') === String(skipped + end - next)
    for await (const piece of body) {
      // A server without ranges sends the file from its beginning.
      const wanted = piece.subarray(Math.min(skipped, piece.length))
      skipped -= piece.length - wanted.length
      const part = wanted.subarray(0, end - next)
      if (part.length > 0) await receive(part, next)
      next += part.length
      if (next === end && !isExact) return
    }
    if (next === end) return
    throw new Transient(`the answer ended ${end - next} bytes too early`)
  }
  if (length === 0) return
  await retry(
    file.url,
    options,
    signal,
    () =>
      request(
        file.url,
        {
          range: `bytes=${next}-${end - 1}`,
          ...(validator ? { 'if-range': validator } : {}),
        },
        options,
        signal,
        resume,
      ),
    () => next,
  )
}

/** Whether the answer is the range that was asked for; false: it is the whole file. */
function checkAnswer(file: RemoteFile, begin: number, end: number, { status, headers }: Response): boolean {
  const expected = file.etag ?? file.modified
  const found = headers.get(file.etag === undefined ? 'last-modified' : 'etag')
  const changed = expected !== undefined && found !== null && found !== expected
  const range = status === 206 ? parseContentRange(headers) : undefined
  const size = status === 206 ? range?.size : Number(headers.get('content-length') ?? file.size)
  if (changed || (size !== undefined && size !== file.size)) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_DATA',
      `${withoutSecrets(file.url)}: it has changed on the server (${size} bytes, ${found ?? 'no ETag'}, instead of ` +
        `${file.size}, ${expected ?? 'no ETag'}); open the data set again`,
    )
  }
  if (status === 200) return false
  if (range?.first !== begin || range.last !== end - 1) {
    throw new Transient(`the server sent "${headers.get('content-range')}" for bytes ${begin}-${end - 1}`)
  }
  return true
}

function parseContentRange(headers: Headers): { first: number; last: number; size: number } | undefined {
  const found = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get('content-range') ?? '')
  return found ? { first: Number(found[1]), last: Number(found[2]), size: Number(found[3]) } : undefined
}

/** One request. The connection is closed when `receive` is done with it, whatever is left. */
async function request<T>(
  url: string,
  headers: Record<string, string>,
  { stallSeconds = 30, headers: own = {} }: HttpOptions,
  signal: AbortSignal | undefined,
  receive: (response: Response, body: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const ending = new AbortController()
  let came = 0
  let seen = -leastProgress
  let stalled = false
  const watch = setInterval(() => {
    stalled = came - seen < leastProgress
    seen = came
    if (stalled) ending.abort()
  }, stallSeconds * 1000)
  const end = () => ending.abort()
  signal?.addEventListener('abort', end, { once: true })
  try {
    const { address, credentials } = splitCredentials(url)
    const response = await fetch(address, {
      headers: { 'accept-encoding': 'identity', ...credentials, ...own, ...headers },
      signal: ending.signal,
    })
    checkStatus(url, response)
    const body = async function* (): AsyncGenerator<Uint8Array> {
      for await (const piece of response.body ?? []) {
        came += piece.length
        yield piece
      }
    }
    return await receive(response, body())
  } catch (error) {
    checkNotAborted(signal)
    if (error instanceof GoogLeNetError || error instanceof Transient) throw error
    if (stalled) throw new Transient(`nothing came for ${stallSeconds} s`)
    if (isOperatingSystem(error)) throw error
    const cause = (error as { cause?: Error }).cause
    throw new Transient(cause?.message || (cause as { code?: string } | undefined)?.code || String(error))
  } finally {
    clearInterval(watch)
    signal?.removeEventListener('abort', end)
    ending.abort()
  }
}

/** `http://user:password@host/` asks for the header that says so. */
function splitCredentials(url: string): { address: URL; credentials: Record<string, string> } {
  const address = new URL(url)
  const { username, password } = address
  if (username === '') return { address, credentials: {} }
  address.username = ''
  address.password = ''
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { address, credentials: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` } }
}

/** What writing the bytes threw, not the network: a full disk stays full. */
const isOperatingSystem = (error: unknown): boolean =>
  typeof (error as NodeJS.ErrnoException).syscall === 'string'

function checkStatus(url: string, { status, statusText, headers }: Response): void {
  if (status === 200 || status === 206) return
  const what = `the server answered ${status} ${statusText}`.trimEnd()
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    throw new Transient(what, secondsUntil(headers.get('retry-after')))
  }
  if (status === 416) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_DATA',
      `${withoutSecrets(url)}: ${what}: it is empty, or shorter than it was; open the data set again`,
    )
  }
  throw ioError(url, `${what}; check the address and whether it needs credentials`)
}

/** Of a `Retry-After`, which says seconds or a date. */
function secondsUntil(text: string | null): number {
  const seconds = Number(text ?? Number.NaN)
  if (Number.isFinite(seconds)) return seconds
  return Math.max(0, (Date.parse(text ?? '') - Date.now()) / 1000) || 0
}

/** A part of a file. @throws as `fetchRange`. */
export async function fetchPart(
  file: RemoteFile,
  { begin, length }: { begin: number; length: number },
  options: HttpOptions = {},
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length)
  const put = (piece: Uint8Array, at: number) => bytes.set(piece, at - begin)
  await fetchRange(file, { begin, length }, put, options, signal)
  return bytes
}

/** Tries until it works, or until `attempts` tries in a row have brought nothing. `progress` counts bytes. */
async function retry<T>(
  url: string,
  { attempts = 6, backoffSeconds = 0.5 }: HttpOptions,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
  progress: () => number = () => 0,
): Promise<T> {
  for (let failed = 1; ; failed++) {
    checkNotAborted(signal)
    const before = progress()
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof Transient)) throw error
      if (progress() - before >= goodProgress) failed = 1
      if (failed >= attempts) {
        throw ioError(
          url,
          `${error.message}, after ${attempts} tries; check the network and the server`,
          error,
        )
      }
      const backoff = backoffSeconds * 2 ** (failed - 1) * (0.75 + Math.random() / 2)
      const seconds = Math.min(longestBackoff, Math.max(backoff, error.retryAfterSeconds))
      await wait(seconds * 1000, undefined, signal ? { signal } : {}).catch(() => checkNotAborted(signal))
    }
  }
}
