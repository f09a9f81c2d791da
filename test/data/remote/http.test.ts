import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  describeRemote,
  fetchPart,
  fetchRange,
  fetchWhole,
  type HttpOptions,
  type RemoteFile,
} from '../../../lib/data/remote/http.js'
import {
  etagOf,
  type Fault,
  long,
  noRanges,
  otherRange,
  rangeOf,
  reset,
  serve,
  short,
  silence,
  stall,
  status,
} from './server.js'

const content = randomBytes(300_000)
const options: HttpOptions = { attempts: 3, stallSeconds: 0.1, backoffSeconds: 0.001 }
const whole = { begin: 0, length: content.length }

async function fetched(file: RemoteFile, range = whole, signal?: AbortSignal): Promise<Buffer> {
  const bytes = Buffer.alloc(range.length)
  let next = range.begin
  const receive = (piece: Uint8Array, offset: number) => {
    expect(offset).toBe(next)
    next += piece.length
    bytes.set(piece, offset - range.begin)
  }
  await fetchRange(file, range, receive, options, signal)
  expect(next).toBe(range.begin + range.length)
  return bytes
}

test('describes a file, and fetches any part of it', async () => {
  const server = await serve({ 'a.tar': content })
  const file = await describeRemote(`${server.url}a.tar`, options)
  expect(file).toEqual({
    url: `${server.url}a.tar`,
    size: content.length,
    etag: etagOf(content),
    ranges: true,
  })
  expect((await fetched(file)).equals(content)).toBe(true)
  const part = await fetched(file, { begin: 1000, length: 70_000 })
  expect(part.equals(content.subarray(1000, 71_000))).toBe(true)
  expect(server.requests.at(-1)).toBe('bytes=1000-70999')
  expect((await fetchWhole(file.url, 300_000, options)).equals(content)).toBe(true)
})

describe('a server that', () => {
  const withRetry: [string, Fault[]][] = [
    ['is busy', [status(503, { 'retry-after': '0' }), status(429)]],
    ['fails inside', [status(500), status(502)]],
    ['resets the connection at once', [reset(0), reset(0)]],
    ['resets the connection later', [reset(100_000), reset(1)]],
    ['stalls in the middle', [stall(70_000)]],
    ['never answers', [silence]],
    ['ends too early', [short(100_000)]],
    ['ends too early again and again', [short(80_000), short(80_000), short(80_000)]],
    ['sends another range', [otherRange]],
    ['knows no ranges', [noRanges]],
    ['knows no ranges after a break', [reset(100_000), noRanges]],
  ]
  test.each(withRetry)('%s is asked again, and every byte comes once', async (_, faults) => {
    const server = await serve({ 'a.tar': content })
    const file = await describeRemote(`${server.url}a.tar`, options)
    server.faults.push(...faults)
    expect((await fetched(file)).equals(content)).toBe(true)
  })

  test('breaks off is asked for the rest', async () => {
    const server = await serve({ 'a.tar': content })
    const file = await describeRemote(`${server.url}a.tar`, options)
    server.faults.push(short(100_000))
    await fetched(file)
    expect(server.requests.slice(1)).toEqual(['bytes=0-299999', 'bytes=100000-299999'])
  })

  const without: [string, Fault, string][] = [
    ['stalls for ever', stall(10), 'nothing came for 0.1 s'],
    ['never answers', silence, 'nothing came for 0.1 s'],
    ['resets for ever', reset(10), 'after 3 tries'],
    ['is busy for ever', status(503), 'answered 503'],
    ['always sends another range', otherRange, 'the server sent'],
  ]
  test.each(without)('%s is given up with an error', async (_, fault, says) => {
    const server = await serve({ 'a.tar': content })
    const file = await describeRemote(`${server.url}a.tar`, options)
    server.faults.push(...Array(20).fill(fault))
    await expect(fetched(file)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_IO',
      message: expect.stringContaining(says),
    })
  })

  test('sends more than was asked for gives no byte too many', async () => {
    const server = await serve({ 'a.tar': content })
    const file = await describeRemote(`${server.url}a.tar`, options)
    server.faults.push(long)
    const part = await fetched(file, { begin: 10, length: 20 })
    expect(part.equals(content.subarray(10, 30))).toBe(true)
  })

  test.each([
    ['has another file meanwhile', content.subarray(0, 200_000)],
    ['has another file of the same length', Buffer.from(content).reverse()],
  ])('%s is found out', async (_, now) => {
    const server = await serve({ 'a.tar': content })
    const file = await describeRemote(`${server.url}a.tar`, options)
    server.content.set('a.tar', now)
    await expect(fetched(file)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringContaining('it has changed on the server'),
    })
  })

  test('knows no ETags but the time of the last change is believed', async () => {
    const server = await serve({ 'a.tar': content })
    const dated =
      (modified: string): Fault =>
      (request, response) => {
        const { begin, end } = rangeOf(request, content)
        response.writeHead(206, {
          'last-modified': modified,
          'content-range': `bytes ${begin}-${end - 1}/${content.length}`,
        })
        response.end(content.subarray(begin, end))
      }
    const [then, later] = ['Wed, 01 Jan 2025 00:00:00 GMT', 'Thu, 02 Jan 2025 00:00:00 GMT']
    server.faults.push(dated(then))
    const file = await describeRemote(`${server.url}a.tar`, options)
    expect(file).toEqual({ url: file.url, size: content.length, modified: then, ranges: true })
    server.faults.push(dated(later))
    await expect(fetched({ ...file, modified: then })).rejects.toMatchObject({ code: 'ERR_GOOGLENET_DATA' })
  })

  test('says that the bytes are not there has another file, or an empty one', async () => {
    const server = await serve({ 'a.tar': content, 'empty.tar': Buffer.alloc(0) })
    const file = await describeRemote(`${server.url}a.tar`, options)
    server.faults.push(status(416))
    await expect(fetched(file)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringContaining('shorter than it was; open the data set again'),
    })
    server.faults.push(status(416, { 'content-range': 'bytes */0' }))
    await expect(describeRemote(`${server.url}empty.tar`, options)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringContaining('it is empty'),
    })
  })

  test('lets its connection be used again gets many requests by few', async () => {
    const server = await serve({ 'a.tar': content })
    const file = await describeRemote(`${server.url}a.tar`, options)
    for (let begin = 0; begin < 20_000; begin += 1000) {
      const part = await fetchPart(file, { begin, length: 100 }, options)
      expect(content.subarray(begin, begin + 100).equals(part)).toBe(true)
    }
    expect(server.connections()).toBeLessThan(5)
  })

  test.each([401, 403, 404, 410])('answers %i is not asked again', async (code) => {
    const server = await serve({ 'a.tar': content })
    server.faults.push(status(code))
    await expect(describeRemote(`${server.url}a.tar`, options)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_IO',
      message: expect.stringContaining(`answered ${code}`),
    })
    expect(server.requests.length).toBe(1)
  })

  test('does not say how long a file is cannot be used', async () => {
    const server = await serve({ 'a.tar': content })
    server.faults.push((_, response) => response.writeHead(200).end(content))
    await expect(describeRemote(`${server.url}a.tar`, options)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_IO',
      message: expect.stringContaining('does not say how long'),
    })
  })

  test('asks for credentials gets those of the address, which no message shows', async () => {
    const server = await serve({ 'a.tar': content })
    const address = `${server.url.replace('//', '//user:w%20rd@')}a.tar?signature=secret`
    let sent: string | undefined
    server.faults.push((request, response) => {
      sent = request.headers.authorization
      response.writeHead(403).end()
    })
    const error = await describeRemote(address, options).catch((thrown) => thrown)
    expect(sent).toBe(`Basic ${Buffer.from('user:w rd').toString('base64')}`)
    expect(error.message).toContain('127.0.0.1')
    expect(error.message).not.toMatch(/secret|user|rd@/)
  })
})

test('a small file may not be larger than it is expected to be', async () => {
  const server = await serve({ 'pack.json': content })
  await expect(fetchWhole(`${server.url}pack.json`, 1000, options)).rejects.toMatchObject({
    code: 'ERR_GOOGLENET_IO',
    message: expect.stringContaining('longer than the 1000 bytes'),
  })
})

test('a signal ends a fetch that waits for a server, and one that waits to try again', async () => {
  const server = await serve({ 'a.tar': content })
  const file = await describeRemote(`${server.url}a.tar`, options)
  const inAMinute = new Date(Date.now() + 60_000).toUTCString()
  const waits = ['60', inAMinute].map((after) => status(503, { 'retry-after': after }))
  for (const fault of [silence, ...waits]) {
    server.faults.push(fault)
    // A server that is asked again at once would answer well.
    const aborted = fetchRange(file, whole, () => {}, { backoffSeconds: 0.001 }, AbortSignal.timeout(300))
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_GOOGLENET_ABORTED' })
  }
})

test('what receiving throws comes through at once', async () => {
  const server = await serve({ 'a.tar': content })
  const file = await describeRemote(`${server.url}a.tar`, options)
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC', syscall: 'write' })
  const fail = () => {
    throw full
  }
  await expect(fetchRange(file, whole, fail, options)).rejects.toBe(full)
  expect(server.requests.length).toBe(2)
})
