import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { batches } from '../../../lib/data/batches.js'
import { ImageFolder } from '../../../lib/data/imageFolder.js'
import { inspect } from '../../../lib/data/inspect.js'
import { openDataSet } from '../../../lib/data/open.js'
import { hash } from '../../../lib/data/order.js'
import { openSharded } from '../../../lib/data/shards/open.js'
import { pack } from '../../../lib/data/shards/pack.js'
import { openShards } from '../../../lib/data/shards/webDataset.js'
import type { DataSet, SampleSource } from '../../../lib/data/source.js'
import { Subset } from '../../../lib/data/split.js'
import { tarEnd, tarEntry } from '../../../lib/data/tarWriter.js'
import { drawPicture, placeClasses, temporaryFolder } from '../pictures.js'
import {
  type Fault,
  long,
  noRanges,
  otherRange,
  reset,
  serve,
  short,
  stall,
  status,
} from '../remote/server.js'

beforeEach(async () => vi.stubEnv('XDG_CACHE_HOME', await temporaryFolder()))
afterEach(() => vi.unstubAllEnvs())

/** A tar; what is no text is the picture of that number. */
const shard = (files: Readonly<Record<string, string | number>>): Buffer =>
  Buffer.concat([
    ...Object.entries(files).map(([name, content]) =>
      tarEntry(name, typeof content === 'string' ? Buffer.from(content) : drawPicture(content, 0, 8)),
    ),
    tarEnd,
  ])

async function place(files: Readonly<Record<string, Buffer>>): Promise<string> {
  const folder = await temporaryFolder()
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
  return folder
}

const samples = (source: SampleSource) =>
  Array.from({ length: source.length }, (_, i) => {
    const { name, label } = source.sample(i)
    return [name, source.classes[label]]
  })

describe('the class of a sample', () => {
  const shapes: [string, Record<string, string | number>, string[]][] = [
    ['is the number in .cls', { 'a.jpg': 1, 'a.cls': '2', 'b.cls': '0\n', 'b.png': 2 }, ['2', '0']],
    ['is the name in .cls', { 'a.jpg': 1, 'a.cls': 'dog', 'b.jpg': 2, 'b.cls': 'cat' }, ['dog', 'cat']],
    [
      'is in .json',
      { 'a.jpg': 1, 'a.json': '{"label": 1}', 'b.jpeg': 2, 'b.json': '{"cls": 0}' },
      ['1', '0'],
    ],
    ['in .cls goes before .json', { 'a.jpg': 1, 'a.json': '{"label": 1}', 'a.cls': '0' }, ['0']],
    ['is its folder', { 'dog/a.jpg': 1, 'x/cat/a.jpg': 2 }, ['dog', 'cat']],
    ['may come after all pictures', { 'a.jpg': 1, 'b.jpg': 2, 'b.cls': '1', 'a.cls': '0' }, ['0', '1']],
    ['is found past other files', { 'a.txt': 'hello', 'a.jpg': 1, README: 'x', 'a.cls': '0' }, ['0']],
  ]
  test.each(shapes)('%s', async (_, files, classes) => {
    const folder = await place({ 'x.tar': shard(files) })
    const { train } = await openShards(join(folder, 'x.tar'))
    expect(samples(train).map(([, name]) => name)).toEqual(classes)
  })

  test.each([
    ['JSON', '{"a": "cat", "n/b.jpg": "dog"}'],
    ['lines', 'a.jpg cat\nb, dog\n'],
  ])('is in a class map of %s, which goes first', async (_, text) => {
    const folder = await place({ 'x.tar': shard({ 'n/a.jpg': 1, 'n/a.cls': '7', 'n/b.jpg': 2 }) })
    await writeFile(join(folder, 'map'), text)
    const { train } = await openShards(folder, { classMap: join(folder, 'map') })
    expect(samples(train)).toEqual([
      ['n/a.jpg', 'cat'],
      ['n/b.jpg', 'dog'],
    ])
  })

  test('has the name that is given for its number', async () => {
    const folder = await place({ 'x.tar': shard({ 'a.jpg': 1, 'a.cls': '1' }) })
    const { classes, train } = await openShards(folder, { classNames: ['cat', 'dog'] })
    expect(classes).toEqual(['cat', 'dog'])
    expect(train.sample(0).label).toBe(1)
    await expect(openShards(folder, { classNames: ['cat'] })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
    })
  })
})

test('lists, folders and parts by their names; the class order is that of all shards', async () => {
  const folder = await place({
    'train-00.tar': shard({ 'a.jpg': 1, 'a.cls': 'dog' }),
    'train-01.tar': shard({ 'b.jpg': 1, 'b.cls': 'cat' }),
    'imagenet-validation-0.tar': shard({ 'c.jpg': 1, 'c.cls': 'dog' }),
    'notes.txt': Buffer.from('x'),
  })
  const both = [
    ['a.jpg', 'dog'],
    ['b.jpg', 'cat'],
  ]
  const whole = await openShards(folder)
  expect(whole.classes).toEqual(['cat', 'dog'])
  expect(samples(whole.train)).toEqual(both)
  expect(samples(whole.validation)).toEqual([['c.jpg', 'dog']])
  const list = await openShards(join(folder, 'train-{00..01}.tar'), { split: { validation: 0.5 } })
  expect(list.train.length + list.validation.length).toBe(2)
  const named = await openShards(join(folder, 'train-{00,01}.tar'), {
    validation: join(folder, 'train-00.tar'),
  })
  expect(samples(named.train)).toEqual(both)
  expect(named.validation.length).toBe(1)
})

describe('an index', () => {
  test('is kept beside its shard, used again, and made anew when the shard or the index changes', async () => {
    const folder = await place({ 'x.tar': shard({ 'a.jpg': 1, 'a.cls': '0' }) })
    const path = join(folder, 'x.tar')
    await openShards(path)
    const index = await readFile(`${path}.samples`)
    const { mtimeMs } = await stat(`${path}.samples`)
    await openShards(path)
    expect((await stat(`${path}.samples`)).mtimeMs).toBe(mtimeMs)
    for (const at of [0, 9, 20, 48, 60, index.length - 1]) {
      const damaged = Buffer.from(index)
      damaged[at]! ^= 0x55
      await writeFile(`${path}.samples`, damaged)
      expect(samples((await openShards(path)).train)).toEqual([['a.jpg', '0']])
      expect(await readFile(`${path}.samples`)).toEqual(index)
    }
    await writeFile(path, shard({ 'b.jpg': 1, 'b.cls': '1' }))
    await utimes(path, 1, 1)
    expect(samples((await openShards(path)).train)).toEqual([['b.jpg', '1']])
  })

  test('goes into the cache folder where it cannot be beside the shard', async () => {
    const folder = await place({ 'x.tar': shard({ 'a.jpg': 1, 'a.cls': '0' }) })
    await mkdir(join(folder, 'x.tar.samples')) // a folder in its place: root may write everywhere
    await openShards(join(folder, 'x.tar'))
    const kept = await readdir(join(process.env.XDG_CACHE_HOME!, 'googlenet/indexes'))
    expect(kept).toEqual([expect.stringMatching(/^x\.tar-[0-9a-f]{24}\.samples$/)])
  })
})

describe('refuses', () => {
  const whole = shard({ 'a.jpg': 1, 'a.cls': '0', 'b.jpg': 2, 'b.cls': '0' })
  const refused: [string, Buffer, string][] = [
    ['a picture without a class', shard({ 'a.jpg': 1 }), '"a.jpg" has no class'],
    ['a shard that ends in its first picture', whole.subarray(0, 700), 'it ends early'],
    [
      'a shard whose first header is damaged',
      Buffer.from(whole).fill(0xff, 100, 110),
      'it is not a tar archive',
    ],
    ['what is no tar', Buffer.alloc(2048, 'x'), 'not a tar archive'],
    ['an empty file', Buffer.alloc(0), 'is empty'],
  ]
  test.each(refused)('%s', async (_, content, says) => {
    const folder = await place({ 'x.tar': content })
    await expect(openShards(folder)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringContaining(says),
    })
  })

  test('a folder without shards, a shard that is not there and a list without end', async () => {
    const folder = await temporaryFolder()
    await expect(openShards(folder)).rejects.toMatchObject({ code: 'ERR_GOOGLENET_DATA' })
    await expect(openShards(join(folder, 'x.tar'))).rejects.toMatchObject({ code: 'ERR_GOOGLENET_DATA' })
    const endless = openShards(join(folder, '{0..999999}{0..999999}.tar'))
    await expect(endless).rejects.toMatchObject({ code: 'ERR_GOOGLENET_OPTION' })
  })
})

describe('a shard that is not whole', () => {
  const files = {
    'a.jpg': 1,
    'a.cls': '0',
    'b.jpg': 2,
    'b.cls': '1',
    'c.jpg': 3,
    'c.cls': '0',
  }
  const whole = shard(files)
  const broken = Buffer.from(whole)
  const at = whole.indexOf('c.jpg')
  broken.fill(0xff, at + 100, at + 120)
  const shapes: [string, Buffer, string[], string[]][] = [
    [
      'ends in a picture',
      whole.subarray(0, at + 600),
      ['a.jpg', 'b.jpg'],
      ['c.jpg is cut off', 'x.tar ends early'],
    ],
    [
      'ends before a class',
      whole.subarray(0, -2048),
      ['a.jpg', 'b.jpg'],
      ['c.jpg has lost its class', 'x.tar has no end'],
    ],
    [
      'ends in a class',
      whole.subarray(0, -1536),
      ['a.jpg', 'b.jpg'],
      ['c.cls is cut off', 'c.jpg has lost', 'x.tar ends early'],
    ],
    ['has no end mark', whole.subarray(0, -1024), ['a.jpg', 'b.jpg', 'c.jpg'], ['x.tar has no end mark']],
    ['has a damaged header', broken, ['a.jpg', 'b.jpg'], ['x.tar is damaged: the header at byte']],
  ]

  test.each(shapes)('and %s gives what is whole, and says what is lost', async (_, content, names, lost) => {
    const folder = await place({ 'x.tar': content, 'y.tar': shard({ 'd.jpg': 4, 'd.cls': '1' }) })
    const server = await serve({ 'x.tar': content, 'y.tar': await readFile(join(folder, 'y.tar')) })
    const remote = { cache: await temporaryFolder() }
    const here = () => openDataSet(folder)
    for (const open of [here, here, () => openDataSet(`${server.url}{x,y}.tar`, { remote })]) {
      const { train, skipped } = await open()
      expect(samples(train).map(([name]) => name)).toEqual([...names, 'd.jpg'])
      expect(skipped?.map(({ name, reason }) => `${name} ${reason}`)).toEqual(
        lost.map((text) => expect.stringContaining(text)),
      )
      for await (const batch of batches(train, { batchSize: 2, imageSize: 8 }))
        expect(batch.skipped).toEqual([])
    }
    await expect(openDataSet(folder, { onError: 'throw' })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringContaining(lost[0]!),
    })
  })

  test('and cut off anywhere gives no sample that is not whole', async () => {
    for (let length = 512; length < whole.length; length += 256) {
      const folder = await place({ 'x.tar': whole.subarray(0, length) })
      const data = await openShards(folder).catch((error) => {
        expect(error).toMatchObject({ code: 'ERR_GOOGLENET_DATA' })
        return undefined
      })
      if (data === undefined) continue
      expect(samples(data.train)).toEqual(
        samples((await openShards(await place({ 'x.tar': whole }))).train).slice(0, data.train.length),
      )
      expect(data.skipped!.length > 0).toBe(length < whole.length - 512)
      for await (const batch of batches(data.train, { batchSize: 8, imageSize: 8 }))
        expect(batch.skipped).toEqual([])
    }
  })

  test('has no class of its samples in files, and loses none of those that are whole', async () => {
    const folders = shard({ 'cat/a.jpg': 1, 'dog/b.jpg': 2, 'cat/c.jpg': 3 })
    const { train } = await openShards(await place({ 'x.tar': folders.subarray(0, -1500) }))
    expect(samples(train).map(([name]) => name)).toEqual(['cat/a.jpg', 'dog/b.jpg'])
  })

  test('or holds a picture twice: the later one is used, and that is said', async () => {
    const twice = Buffer.concat([
      shard({ 'a.jpg': 1 }).subarray(0, -1024),
      shard({ 'a.jpg': 2, 'a.cls': '0' }),
    ])
    const { train, skipped } = await openShards(await place({ 'x.tar': twice }))
    expect(skipped).toEqual([{ name: 'a.jpg', reason: 'is there twice; the later one is used' }])
    expect(train.sample(0).source).toMatchObject({
      offset: 512 + Math.ceil(drawPicture(1, 0, 8).length / 512) * 512 + 512,
    })
  })
})

/** What a pass of training delivers. */
async function trained(data: DataSet, from = 0) {
  const delivered: string[] = []
  const options = { batchSize: 3, imageSize: 8, training: { seed: 5, epoch: 1 }, position: from }
  for await (const { images, labels, indices, skipped } of batches(data.train, options)) {
    expect(skipped).toEqual([])
    const bytes = images.data.length / labels.length
    for (const [i, label] of labels.entries()) {
      const pixels = Buffer.from(images.data.subarray(i * bytes, (i + 1) * bytes) as Uint8Array)
      delivered.push(`${indices[i]} ${label} ${pixels.toString('hex')}`)
    }
  }
  return delivered
}

test('one seed gives the same samples from parquet, from tars and from tars over HTTP', async () => {
  const fixtures = fileURLToPath(new URL('fixtures/', import.meta.url))
  const parquet = (await openSharded(join(fixtures, 'train-0000{0,1}-of-00002.parquet')))!
  const indices = Array.from({ length: parquet.train.length }, (_, i) => i)
  await parquet.train.ready!(indices)
  const entries = indices.flatMap((i) => {
    const { source, label } = parquet.train.sample(i)
    return [tarEntry(`${i}.png`, source as Uint8Array), tarEntry(`${i}.cls`, Buffer.from(String(label)))]
  })
  const files = {
    '0.tar': Buffer.concat([...entries.slice(0, 14), tarEnd]),
    '1.tar': Buffer.concat([...entries.slice(14), tarEnd]),
  }
  const whole = await trained(parquet)
  expect(whole.length).toBe(15)
  expect(await trained(await openShards(await place(files)))).toEqual(whole)
  const server = await serve(files)
  const remote = { cache: await temporaryFolder() }
  expect(await trained(await openShards(`${server.url}{0..1}.tar`, { remote }))).toEqual(whole)
})

describe('over HTTP', () => {
  async function packed() {
    const folder = await temporaryFolder()
    await placeClasses(join(folder, 'pictures'), { cat: 12, dog: 12 })
    await pack(await ImageFolder.open(join(folder, 'pictures')), join(folder, 'out'), { samplesPerShard: 4 })
    const names = await readdir(join(folder, 'out'))
    const files = await Promise.all(
      names.map(async (name) => [name, await readFile(join(folder, 'out', name))]),
    )
    const server = await serve(Object.fromEntries(files))
    const remote = { cache: join(folder, 'cache'), attempts: 3, backoffSeconds: 0.001, stallSeconds: 1 }
    return { folder, server, remote }
  }

  test('a pack gives what the shards give, in the same order, and goes on in the middle of an epoch', async () => {
    const { server, remote } = await packed()
    const data = (await openSharded(server.url, { remote }))!
    // The list, and of each shard its state and its index.
    expect(server.requests.length).toBe(1 + 6 * 2)
    server.faults.push(undefined, reset(1000), reset(10))
    const whole = await trained(data)
    const list = (await openSharded(`${server.url}train-{000000..000005}.tar`, { remote }))!
    expect(await trained(list)).toEqual(whole)
    expect(await trained(data, 9)).toEqual(whole.slice(9))
    expect(new Set(whole.map((one) => one.split(' ')[0])).size).toBe(24)
  })

  test.each([1, 2, 3])(
    'whatever the server does in between (%i), an epoch brings the same samples',
    async (seed) => {
      const { folder, server, remote } = await packed()
      const expected = await trained(await openShards(join(folder, 'out')))
      const busy = { 'retry-after': '0' }
      const faults: (Fault | undefined)[] = [
        undefined,
        reset(0),
        reset(700),
        stall(900),
        short(512),
        long,
        otherRange,
        noRanges,
        status(429, busy),
        status(503, busy),
        status(500),
      ]
      const patient = { ...remote, attempts: 50, backoffSeconds: 0, stallSeconds: 0.2 }
      const misbehave = (count: number) =>
        server.faults.push(
          ...Array.from({ length: count }, (_, i) => faults[hash(seed, count, i) % faults.length]),
        )
      misbehave(60)
      const data = (await openSharded(server.url, { remote: patient }))!
      misbehave(40)
      expect(await trained(data)).toEqual(expected)
    },
  )

  test('shards that do not fit into the cache are an error, not a hole', async () => {
    const { server, remote } = await packed()
    const data = (await openSharded(server.url, { remote: { ...remote, cacheLimit: 10_000 } }).catch(
      (e) => e,
    )) as DataSet | { code: string }
    const end = 'train' in data ? await trained(data).catch((error) => error) : data
    expect(end).toMatchObject({
      code: 'ERR_GOOGLENET_OPTION',
      message: expect.stringContaining('raise its limit'),
    })
  })

  test('a shard that was damaged on the server is named', async () => {
    const { server, remote } = await packed()
    server.content.get('train-000003.tar')!.fill(0, 600, 700)
    const data = (await openSharded(server.url, { remote }))!
    await expect(trained(data)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringMatching(/train-000003\.tar: its MD5 is/),
    })
  })

  test('a pack whose shard is short there gives what is whole, and says how much is lost', async () => {
    const { server, remote } = await packed()
    const name = 'train-000003.tar'
    const tar = server.content.get(name)!
    server.content.set(name, tar.subarray(0, Math.floor(tar.length / 2)))
    const { train, skipped } = (await openSharded(server.url, { remote }))!
    expect(skipped).toEqual([{ name, reason: expect.stringMatching(/its [\d,]+ bytes: 2 samples are lost/) }])
    expect(train.length).toBe(22)
    expect((await trained({ classes: train.classes, train, validation: train })).length).toBe(21)
    server.content.set(name, tar.subarray(0, 600))
    await expect(openSharded(server.url, { remote })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringContaining(`${name}: it has 600 bytes instead of`),
    })
  })

  test('of which few are wanted, shards are not fetched but for their pictures', async () => {
    const { folder, server, remote } = await packed()
    const list = `${server.url}train-{000000..000005}.tar`
    const here = await openShards(join(folder, 'out'))
    const before = server.bytes()
    const { train } = await openShards(list, { remote })
    // The indexes came from beside the tars.
    expect(server.bytes() - before).toBeLessThan(6000)
    const opened = server.bytes()
    const wanted = [3, 9, 22]
    const few = new Subset(train, Uint32Array.from(wanted))
    const seen = async (source: SampleSource) => {
      const all = []
      for await (const { images, skipped } of batches(source, { batchSize: 2, imageSize: 32 })) {
        expect(skipped).toEqual([])
        all.push(...images.data)
      }
      return all
    }
    expect(await seen(few)).toEqual(await seen(new Subset(here.train, Uint32Array.from(wanted))))
    const lengths = wanted.map((index) => (here.train.sample(index).source as { length: number }).length)
    expect(server.bytes() - opened).toBe(lengths.reduce((sum, length) => sum + length))
    expect(await readdir(remote.cache)).toEqual([])
    // Of a shard that is there nothing is fetched again.
    await train.ready!([9])
    const there = server.bytes()
    expect(await seen(new Subset(train, Uint32Array.of(9, 10)))).toHaveLength(2 * 32 * 32 * 3)
    expect(server.bytes()).toBe(there)
  })

  test('a sample of a data set is inspected without the rest of it', async () => {
    const { server, remote } = await packed()
    const data = (await openSharded(server.url, { remote }))!
    const opened = server.bytes()
    const { inspected, broken } = await inspect(data, { sample: 3 })
    expect([inspected, broken]).toEqual([3, []])
    const [tar] = [...server.content].filter(([name]) => name.endsWith('.tar'))
    expect(server.bytes() - opened).toBeLessThan(tar![1].length)
  })

  test('a server without ranges sends whole shards, one that changes a file between ranges is found out', async () => {
    const { server, remote } = await packed()
    const list = `${server.url}train-{000000..000005}.tar`
    const few = async () => new Subset((await openShards(list, { remote })).train, Uint32Array.of(0, 9))
    const read = async (source: SampleSource) => {
      for await (const { skipped } of batches(source, { batchSize: 2, imageSize: 32 })) {
        expect(skipped).toEqual([])
      }
    }
    const changing = await few()
    const tar = server.content.get('train-000002.tar')!
    server.content.set('train-000002.tar', Buffer.from(tar).fill(1, 600, 700))
    await expect(read(changing)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringMatching(/train-000002.tar: it has changed on the server/),
    })
    server.content.set('train-000002.tar', tar)
    server.faults.push(...Array(6).fill(noRanges))
    await read(await few())
    expect((await readdir(remote.cache)).filter((name) => name.endsWith('.tar'))).toHaveLength(2)
  })

  test('a hostile list of shards leads nowhere else', async () => {
    const { server, remote } = await packed()
    const manifest = server.content
      .get('pack.json')!
      .toString()
      .replace('train-000000.tar', '../../secret.tar')
    server.content.set('pack.json', Buffer.from(manifest))
    await expect(openSharded(server.url, { remote })).rejects.toMatchObject({ code: 'ERR_GOOGLENET_DATA' })
  })
})
