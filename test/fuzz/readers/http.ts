import { describeRemote, fetchRange } from '../../../lib/data/remote/http.js'
import { check, readOrRefused } from './checks.js'

const url = 'http://fuzzed.invalid/a.tar'
const size = 64
const options = { attempts: 3, backoffSeconds: 0, stallSeconds: 1 }
const statuses = [200, 206, 206, 206, 301, 403, 404, 416, 429, 500, 503]
const etags = [undefined, '"a"', '"b"', 'W/"a"']

/** Takes an input apart, byte by byte; zeros follow its end. */
class Script {
  #next = 0
  constructor(readonly bytes: Buffer) {}

  byte(): number {
    return this.bytes[this.#next++] ?? 0
  }

  one<T>(choices: readonly T[]): T {
    return choices[this.byte() % choices.length]!
  }

  text(): string {
    const length = this.byte() % 32
    const begin = this.#next
    this.#next += length
    return this.bytes.toString('latin1', begin, begin + length).replace(/[^ -~]/g, '?')
  }
}

/** A server whose answers are scripted: some right, some not. */
function answer(script: Script, asked: string | null): Response {
  const status = script.one(statuses)
  const headers = new Headers()
  const etag = script.one(etags)
  if (etag !== undefined) headers.set('etag', etag)
  const right = `${asked?.replace('=', ' ')}/${size}`
  const range = script.one([right, right, undefined, `bytes 0-63/${size}`, 'text'])
  if (range !== undefined) headers.set('content-range', range === 'text' ? script.text() : range)
  const length = script.one([undefined, undefined, String(size), 'text'])
  if (length !== undefined) headers.set('content-length', length === 'text' ? script.text() : length)
  const pieces = Array.from({ length: script.byte() % 4 }, () => Buffer.alloc(script.byte() % 100, 1))
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece)
      if (script.byte() & 1) controller.error(new Error('reset'))
      else controller.close()
    },
  })
  return new Response(status === 204 || status === 304 ? null : body, { status, headers })
}

/** Any bytes as the answers of a server, asked what a file is and for a part of it. */
export async function fuzz(input: Buffer): Promise<boolean> {
  const script = new Script(input)
  const own = globalThis.fetch
  globalThis.fetch = async (_, init) => answer(script, new Headers(init?.headers).get('range'))
  try {
    const described = await readOrRefused(() => describeRemote(url, options))
    if (described) check(Number.isSafeInteger(described.size) && described.size >= 0, 'a size is a number')
    const etag = script.one(['"a"', undefined])
    const begin = script.byte() % size
    const length = script.byte() % (size - begin)
    let next = begin
    const receive = (piece: Uint8Array, offset: number) => {
      check(offset === next && piece.length > 0, 'bytes come in order')
      next += piece.length
      check(next <= begin + length, 'no more comes than was asked for')
    }
    const file = { url, size, ...(etag !== undefined && { etag }) }
    const done = await readOrRefused(async () => {
      await fetchRange(file, { begin, length }, receive, options)
      return true
    })
    if (done) check(next === begin + length, 'all comes that was asked for')
    return done === true
  } finally {
    globalThis.fetch = own
  }
}

export function seeds(): Buffer[] {
  const right = [1, 1, 0, 0, 1, 64, 0]
  const describe = [1, 1, 3, 0, 1, 1, 0]
  return [
    Buffer.from([...describe, 0, 0, 63, ...right]),
    Buffer.from([...describe, 0, 4, 20, 8, 0, 0, 0, 0, 0, ...right]),
    Buffer.from([0, 1, 2, 2, 0, 0, 1, 4, 20, 0, 0, 2, 2, 2, 50, 50, 0]),
  ]
}
