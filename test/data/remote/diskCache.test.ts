import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { type CachedFile, DiskCache } from '../../../lib/data/remote/diskCache.js'
import { describeRemote } from '../../../lib/data/remote/http.js'
import { packageRoot } from '../../../lib/packageRoot.js'
import { temporaryFolder } from '../pictures.js'
import { etagOf, type Fault, rangeOf, reset, serve, stall, status } from './server.js'

const options = { attempts: 2, stallSeconds: 0.1, backoffSeconds: 0.001 }
const size = 100_000
const files = Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [`${name}.tar`, randomBytes(size)]))
const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex')

async function setUp(limit = 10 * size) {
  const server = await serve(files)
  const cache = await DiskCache.open(await temporaryFolder(), limit)
  const file = (name: string) => describeRemote(`${server.url}${name}.tar`, options)
  const shards = async () => (await readdir(cache.folder)).filter((name) => name.endsWith('.tar')).length
  const obtain = (...wanted: CachedFile[]) => cache.obtain(wanted, options)
  return { server, cache, file, shards, obtain }
}

test('files come once, whole, however many ask for them', async () => {
  const { server, cache, file, obtain } = await setUp()
  const [a, b] = [await file('a'), await file('b')]
  const before = server.requests.length
  await Promise.all([obtain(a, b), obtain(a), obtain(b, a)])
  await obtain(a)
  expect(server.requests.length - before).toBe(2)
  expect((await readFile(cache.pathOf(a))).equals(files['a.tar']!)).toBe(true)
  expect((await readFile(cache.pathOf(b))).equals(files['b.tar']!)).toBe(true)
  expect((await readdir(cache.folder)).filter((name) => /claim|part/.test(name))).toEqual([])
})

describe('a download that was broken off', () => {
  test('goes on where it was', async () => {
    const { server, cache, file, obtain } = await setUp()
    const a = await file('a')
    server.faults.push(reset(30_000), status(404))
    await expect(obtain(a)).rejects.toMatchObject({ code: 'ERR_GOOGLENET_IO' })
    await expect(stat(cache.pathOf(a))).rejects.toMatchObject({ code: 'ENOENT' })
    await obtain(a)
    expect(server.requests.at(-1)).toBe('bytes=30000-99999')
    expect((await readFile(cache.pathOf(a))).equals(files['a.tar']!)).toBe(true)
  })

  test('by a process that has ended is taken over', async () => {
    const { server, cache, file, obtain } = await setUp()
    const a = await file('a')
    server.faults.push(reset(30_000), status(404))
    await obtain(a).catch(() => {})
    const own = `${cache.pathOf(a)}.${process.pid}.part`
    await rename(own, `${cache.pathOf(a)}.4194305.part`)
    await obtain(a)
    expect(server.requests.at(-1)).toBe('bytes=30000-99999')
  })

  test.each([
    ['has ended', '4194305', 0],
    ['had the number that this one has now', String(process.pid), 0],
    ['has had nothing for long, if it is there at all', '1', 700_000],
    ['ended before it had said who it is', '', 700_000],
  ])('by a process that %s does not keep others from it', async (_, owner, ago) => {
    const { cache, file, obtain } = await setUp()
    const a = await file('a')
    const claim = `${cache.pathOf(a)}.claim`
    await writeFile(claim, owner)
    const then = new Date(Date.now() - ago)
    await utimes(claim, then, then)
    await obtain(a)
    expect((await readFile(cache.pathOf(a))).equals(files['a.tar']!)).toBe(true)
    expect((await readdir(cache.folder)).filter((name) => /claim|part/.test(name))).toEqual([])
  })

  test('begins anew when the file has changed', async () => {
    const { server, cache, file, obtain } = await setUp()
    server.faults.push(undefined, reset(30_000), status(404))
    await obtain(await file('a')).catch(() => {})
    server.content.set('a.tar', files['b.tar']!)
    const now = await file('a')
    await obtain(now)
    expect((await readFile(cache.pathOf(now))).equals(files['b.tar']!)).toBe(true)
  })
})

test('a file of another length or state on the disk is fetched again', async () => {
  const { server, cache, file, obtain } = await setUp()
  const a = await file('a')
  await obtain(a)
  await writeFile(cache.pathOf(a), 'cut')
  await obtain(a)
  expect((await readFile(cache.pathOf(a))).equals(files['a.tar']!)).toBe(true)
  server.content.set('a.tar', files['c.tar']!)
  const now = await file('a')
  await obtain(now)
  expect((await readFile(cache.pathOf(now))).equals(files['c.tar']!)).toBe(true)
})

test('what does not have its MD5 is an error, and is not kept', async () => {
  const { cache, file, obtain, shards } = await setUp()
  const a = await file('a')
  await expect(obtain({ ...a, md5: md5(files['b.tar']!) })).rejects.toMatchObject({
    code: 'ERR_GOOGLENET_DATA',
    message: expect.stringContaining(`its MD5 is ${md5(files['a.tar']!)}`),
  })
  expect(await shards()).toBe(0)
  await obtain({ ...a, md5: md5(files['a.tar']!) })
  expect((await readFile(cache.pathOf(a))).equals(files['a.tar']!)).toBe(true)
})

test('a file with another MD5 than the one that is there is fetched again', async () => {
  const { server, cache, obtain } = await setUp()
  const describe = (name: string) => ({ url: `${server.url}a.tar`, size, md5: md5(files[`${name}.tar`]!) })
  await obtain(describe('a'))
  server.content.set('a.tar', files['b.tar']!)
  await obtain(describe('b'))
  expect((await readFile(cache.pathOf(describe('b')))).equals(files['b.tar']!)).toBe(true)
})

describe('the limit', () => {
  test('is kept: the least recently used leaves first', async () => {
    const { server, cache, file, obtain, shards } = await setUp(2.5 * size)
    const [a, b, c] = [await file('a'), await file('b'), await file('c')]
    await obtain(a)
    await obtain(b)
    await utimes(cache.pathOf(b), 1, 1)
    // What was asked for lately is being read: only many calls later may it leave.
    for (let call = 0; call < 40; call++) await obtain(a)
    await obtain(c)
    expect(await shards()).toBe(2)
    await expect(stat(cache.pathOf(b))).rejects.toMatchObject({ code: 'ENOENT' })
    const before = server.requests.length
    await obtain(a)
    expect(server.requests.length).toBe(before)
  })

  test('leaves what another process has used since', async () => {
    const { cache, file, obtain, shards } = await setUp(2.5 * size)
    const [a, b, c] = [await file('a'), await file('b'), await file('c')]
    await obtain(a)
    for (let call = 0; call < 40; call++) await obtain(b)
    const soon = new Date(Date.now() + 1000)
    await utimes(cache.pathOf(a), soon, soon)
    await expect(obtain(c)).rejects.toMatchObject({ code: 'ERR_GOOGLENET_OPTION' })
    expect(await shards()).toBe(2)
    // Two minutes later it is old.
    const past = new Date(Date.now() - 121_000)
    await utimes(cache.pathOf(a), past, past)
    await obtain(c)
    await expect(stat(cache.pathOf(a))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('that what is being read does not fit into is an error', async () => {
    const { file, obtain, shards } = await setUp(2.5 * size)
    const wanted = [await file('a'), await file('b'), await file('c')]
    await expect(obtain(...wanted)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_OPTION',
      message: expect.stringContaining('raise its limit'),
    })
    expect(await shards()).toBeLessThanOrEqual(2)
  })
})

test('two processes that ask for the same files fetch each once, and both read it whole', async () => {
  const { server, cache } = await setUp()
  const names = Object.keys(files)
  // Slowly, so that both are at it.
  const slow: Fault = (request, response, content) => {
    const { begin, end } = rangeOf(request, content)
    response.writeHead(206, {
      etag: etagOf(content),
      'content-length': end - begin,
      'content-range': `bytes ${begin}-${end - 1}/${content.length}`,
    })
    response.write(content.subarray(begin, begin + 1))
    setTimeout(() => response.end(content.subarray(begin + 1, end)), 50)
  }
  server.faults.push(...Array(100).fill(slow))
  const program = `
    import { readFile } from 'node:fs/promises'
    import { createHash } from 'node:crypto'
    import { DiskCache } from './lib/data/remote/diskCache.ts'
    import { describeRemote } from './lib/data/remote/http.ts'
    const cache = await DiskCache.open(${JSON.stringify(cache.folder)})
    const names = ${JSON.stringify(names)}
    for (const name of process.argv[1] === 'back' ? names.reverse() : names) {
      const file = await describeRemote('${server.url}' + name)
      await cache.obtain([file], {})
      console.log(name, createHash('md5').update(await readFile(cache.pathOf(file))).digest('hex'))
    }`
  const run = (order: string) =>
    promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program, order], {
      cwd: packageRoot,
    })
  const expected = names.map((name) => `${name} ${md5(files[name]!)}`).sort()
  for (const { stdout } of await Promise.all([run('forth'), run('back')])) {
    expect(stdout.trim().split('\n').sort()).toEqual(expected)
  }
  expect(server.requests.filter((range) => range !== 'bytes=0-0')).toHaveLength(names.length)
  expect((await readdir(cache.folder)).filter((name) => /claim|part/.test(name))).toEqual([])
})

test('a signal ends a download; another call brings the file', async () => {
  const { server, cache, file, obtain } = await setUp()
  const a = await file('a')
  server.faults.push(stall(10))
  const ended = cache.obtain([a], {}, AbortSignal.timeout(50))
  const other = obtain(a)
  await expect(ended).rejects.toMatchObject({ code: 'ERR_GOOGLENET_ABORTED' })
  await other
  expect((await readFile(cache.pathOf(a))).equals(files['a.tar']!)).toBe(true)
})

test('a folder that cannot be made is an error with its name', async () => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'file'), '')
  await expect(DiskCache.open(join(folder, 'file/cache'))).rejects.toMatchObject({ code: 'ERR_GOOGLENET_IO' })
})
