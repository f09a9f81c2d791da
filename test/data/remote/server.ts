import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll } from 'vitest'

/** What a server does with one request; undefined leaves it to the server's good behaviour. */
export type Fault = (request: IncomingMessage, response: ServerResponse, content: Buffer) => unknown

export interface FileServer {
  url: string
  /** One entry a request: the range that it asked for, or `all`. */
  requests: string[]
  /** For the next requests, one each. */
  faults: (Fault | undefined)[]
  content: Map<string, Buffer>
  /** Bytes of content that were asked for, and connections that were made. */
  bytes(): number
  connections(): number
}

export const etagOf = (content: Buffer): string => `"${createHash('md5').update(content).digest('hex')}"`

/** A server of files that knows ranges and ETags, and misbehaves when it is told to. It ends with the test file. */
export async function serve(files: Readonly<Record<string, Buffer>>): Promise<FileServer> {
  const content = new Map(Object.entries(files))
  const faults: FileServer['faults'] = []
  const requests: string[] = []
  let [bytes, connections] = [0, 0]
  const server = createServer((request, response) => {
    requests.push(request.headers.range ?? 'all')
    const found = content.get(new URL(request.url!, 'http://x').pathname.slice(1))
    if (!found) return response.writeHead(404).end()
    const fault = faults.shift()
    const { begin, end } = rangeOf(request, found)
    bytes += end - begin
    if (fault) return fault(request, response, found)
    return answer(request, response, found)
  })
  server.on('connection', () => connections++)
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return { url, requests, faults, content, bytes: () => bytes, connections: () => connections }
}

function answer(request: IncomingMessage, response: ServerResponse, content: Buffer): void {
  const { begin, end, isRange } = rangeOf(request, content)
  const headers = { etag: etagOf(content), 'content-length': end - begin }
  if (isRange) {
    response.writeHead(206, { ...headers, 'content-range': `bytes ${begin}-${end - 1}/${content.length}` })
  } else response.writeHead(200, headers)
  response.end(content.subarray(begin, end))
}

export function rangeOf(request: IncomingMessage, content: Buffer) {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
  const condition = request.headers['if-range']
  const isRange = first !== undefined && (condition === undefined || condition === etagOf(content))
  return isRange
    ? { begin: Number(first), end: Math.min(Number(last) + 1, content.length), isRange }
    : { begin: 0, end: content.length, isRange }
}

const partial = (content: Buffer, begin: number, end: number, length = end - begin) => ({
  etag: etagOf(content),
  'content-length': length,
  'content-range': `bytes ${begin}-${end - 1}/${content.length}`,
})

/** Answers the status. */
export const status =
  (code: number, headers = {}): Fault =>
  (_, response) =>
    response.writeHead(code, headers).end()

/** Sends so many of the bytes that were asked for, then resets the connection. */
export const reset =
  (after: number): Fault =>
  (request, response, content) => {
    const { begin, end } = rangeOf(request, content)
    response.writeHead(206, partial(content, begin, end))
    response.write(content.subarray(begin, Math.min(end, begin + after)), () => response.destroy())
  }

/** Sends so many bytes, then nothing more. */
export const stall =
  (after: number): Fault =>
  (request, response, content) => {
    const { begin, end } = rangeOf(request, content)
    response.writeHead(206, partial(content, begin, end))
    response.write(content.subarray(begin, begin + after))
  }

/** Never answers. */
export const silence: Fault = () => {}

/** Ends properly after so many bytes, which it says were all (`claims` others in its header). */
export const short =
  (bytes: number): Fault =>
  (request, response, content) => {
    const { begin, end } = rangeOf(request, content)
    response.writeHead(206, partial(content, begin, end, bytes))
    response.end(content.subarray(begin, begin + bytes))
  }

/** Sends more than was asked for, without saying how much. */
export const long: Fault = (request, response, content) => {
  const { begin, end } = rangeOf(request, content)
  const { 'content-length': _, ...headers } = partial(content, begin, end)
  response.writeHead(206, headers)
  response.end(Buffer.concat([content.subarray(begin, end), Buffer.alloc(1000)]))
}

/** Sends another range than was asked for. */
export const otherRange: Fault = (request, response, content) => {
  const { begin, end } = rangeOf(request, content)
  response.writeHead(206, partial(content, begin + 1, end + 1, end - begin))
  response.end(content.subarray(begin + 1, end + 1))
}

/** Knows no ranges. */
export const noRanges: Fault = (_, response, content) =>
  response.writeHead(200, { etag: etagOf(content), 'content-length': content.length }).end(content)
