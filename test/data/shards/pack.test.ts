import { cp, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { batches } from '../../../lib/data/batches.js'
import { ImageFolder } from '../../../lib/data/imageFolder.js'
import { openDataSet } from '../../../lib/data/open.js'
import { pack } from '../../../lib/data/shards/pack.js'
import { openPacked } from '../../../lib/data/shards/packed.js'
import { openShards } from '../../../lib/data/shards/webDataset.js'
import type { SampleSource } from '../../../lib/data/source.js'
import { drawPicture, place, placeClasses, temporaryFolder } from '../pictures.js'

async function pictures(): Promise<ImageFolder> {
  const folder = await temporaryFolder()
  await placeClasses(folder, { cat: 5, dog: 7, 'great owl': 3 })
  return ImageFolder.open(folder, { split: { validation: 0.2 } })
}

const contents = async (source: SampleSource) => {
  const samples = Array.from({ length: source.length }, (_, i) => source.sample(i))
  return samples.map(({ name, label }) => `${name} ${source.classes[label]}`).sort()
}

const options = { samplesPerShard: 5, quality: 95 }

test('a pack has the samples, classes and parts of its source, mixed over its shards', async () => {
  const data = await pictures()
  const out = join(await temporaryFolder(), 'pack')
  const report = await pack(data, out, options)
  expect(report).toMatchObject({
    classes: 3,
    parts: { train: { samples: 12, shards: 3 }, validation: { samples: 3, shards: 1 } },
    skipped: [],
    reused: 0,
  })
  const packed = await openPacked(out)
  expect(packed.classes).toEqual(data.classes)
  for (const part of ['train', 'validation'] as const) {
    expect(await contents(packed[part])).toEqual(await contents(data[part]))
  }
  const labels = Array.from({ length: 12 }, (_, i) => packed.train.sample(i).label)
  expect(labels).not.toEqual([...labels].sort())
})

test('its tars are WebDataset shards', async () => {
  const data = await pictures()
  const out = join(await temporaryFolder(), 'pack')
  await pack(data, out, options)
  for (const name of await readdir(out)) if (name.endsWith('.samples')) await rm(join(out, name))
  const shards = await openShards(out, { classNames: data.classes })
  expect(shards.train.length).toBe(12)
  expect(shards.validation.length).toBe(3)
  const packed = await readFile(join(out, 'train-000000.tar'))
  expect(packed.toString('latin1', 257, 262)).toBe('ustar')
  const counts = [0, 0, 0]
  for (let i = 0; i < 12; i++) counts[shards.train.sample(i).label]!++
  expect(counts).toEqual([4, 6, 2])
})

/** A set of photographs that are larger than what they are packed to. */
async function photographs(): Promise<ImageFolder> {
  const folder = await temporaryFolder()
  for (const [label, name] of ['eval', 'train'].entries()) {
    await mkdir(join(folder, name), { recursive: true })
    await cp(new URL('../../images/fixtures/baseline-420.jpg', import.meta.url), join(folder, name, 'a.jpg'))
    await writeFile(join(folder, name, 'b.png'), drawPicture(label, 1, 40))
  }
  return ImageFolder.open(folder)
}

test('pixels stay within what the quality allows; what is small enough stays byte for byte', async () => {
  const data = await photographs()
  const folder = await temporaryFolder()
  await pack(data, join(folder, 'once'), { ...options, shortSide: 96, quality: 95 })
  const once = await openPacked(join(folder, 'once'))
  const before = await pixels(data.train)
  const after = await pixels(once.train)
  for (const name of ['eval/a.jpg', 'train/a.jpg']) {
    const errors = Array.from(before.get(name)!, (value, i) => Math.abs(value - after.get(name)![i]!))
    expect(errors.reduce((sum, error) => sum + error) / errors.length).toBeLessThan(2)
  }
  const small = join(folder, 'small')
  await pack(once, small, { ...options, shortSide: 96, quality: 10 })
  for (const [name, image] of await pixels((await openPacked(small)).train)) {
    expect(Buffer.compare(image, after.get(name)!)).toBe(0)
  }
})

/** The pictures of a source as evaluation sees them, by name. */
async function pixels(source: SampleSource): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>()
  for await (const { images, indices } of batches(source, { batchSize: 1, imageSize: 96, resize: 96 })) {
    found.set(source.sample(indices[0]!).name, images.data as Uint8Array)
  }
  return found
}

describe('a pack that was broken off', () => {
  test('cannot be opened, goes on where it was and ends with the same bytes', async () => {
    const data = await pictures()
    const folder = await temporaryFolder()
    const [whole, broken] = [join(folder, 'whole'), join(folder, 'broken')]
    await pack(data, whole, options)
    const ending = new AbortController()
    const ended = pack(data, broken, {
      ...options,
      signal: ending.signal,
      onProgress: ({ done }) => done > 5 && ending.abort(),
    })
    await expect(ended).rejects.toMatchObject({ code: 'ERR_GOOGLENET_ABORTED' })
    await expect(openPacked(broken)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringContaining('run "googlenet pack" again'),
    })
    const report = await pack(data, broken, options)
    expect(report.reused).toBeGreaterThan(0)
    const names = (await readdir(whole)).sort()
    expect((await readdir(broken)).sort()).toEqual(names)
    for (const name of names) {
      expect(await readFile(join(broken, name))).toEqual(await readFile(join(whole, name)))
    }
  })

  test('does anew the shards that are no longer whole', async () => {
    const data = await pictures()
    const out = join(await temporaryFolder(), 'pack')
    await pack(data, out, options)
    const before = await readFile(join(out, 'train-000001.tar'))
    await writeFile(join(out, 'train-000001.tar'), 'short')
    await writeFile(join(out, 'train-000002.tar.4194305-0123abcd.tmp'), 'left by a process that was killed')
    await expect(openPacked(out)).rejects.toMatchObject({ code: 'ERR_GOOGLENET_DATA' })
    expect(await pack(data, out, options)).toMatchObject({ reused: 2 })
    expect(await readFile(join(out, 'train-000001.tar'))).toEqual(before)
    expect((await readdir(out)).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })
})

test('what cannot be read is named and left out', async () => {
  const folder = await temporaryFolder()
  await placeClasses(folder, { cat: 4, dog: 4 })
  await place(folder, ['cat/broken.jpg', 'dog/other.png'], 'this is no picture')
  const data = await ImageFolder.open(folder)
  const report = await pack(data, join(folder, `../pack-${Date.now()}`), options)
  expect(report.parts.train).toEqual({ samples: 8, shards: 2 })
  expect(report.skipped.sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
    { name: 'cat/broken.jpg', reason: 'is not a picture; only JPEG and PNG are read' },
    { name: 'dog/other.png', reason: 'is not a picture; only JPEG and PNG are read' },
  ])
  await rm(report.out, { recursive: true })
})

test('what the source leaves out by itself is reported too', async () => {
  const { classes, train, validation } = await pictures()
  const skipped = [{ name: 'x', reason: 'lies outside' }]
  const out = join(await temporaryFolder(), 'pack')
  expect((await pack({ classes, train, validation, skipped }, out, options)).skipped).toEqual(skipped)
})

test('a shard that was cut off gives what is whole of it, and the rest is counted', async () => {
  const out = join(await temporaryFolder(), 'pack')
  await pack(await pictures(), out, options)
  const whole = await openPacked(out)
  const third = whole.train.sample(2).source as { offset: number; length: number }
  const path = join(out, 'train-000000.tar')
  const { size } = await stat(path)
  for (const [bytes, left] of [
    [size - 1024, 5],
    [third.offset + third.length, 3],
    [third.offset + third.length - 1, 2],
  ] as const) {
    await truncate(path, bytes)
    const { train, validation, skipped } = await openDataSet(out)
    expect(skipped).toEqual([
      { name: 'train-000000.tar', reason: expect.stringContaining(`: ${5 - left} samples are lost`) },
    ])
    expect(train.length).toBe(12 - 5 + left)
    const kept = Array.from({ length: left }, (_, i) => train.sample(i))
    expect(kept).toEqual(kept.map((_, i) => whole.train.sample(i)))
    expect(train.sample(left)).toEqual(whole.train.sample(5))
    expect(await contents(validation)).toEqual(await contents(whole.validation))
    for await (const batch of batches(train, { batchSize: 12, imageSize: 8 }))
      expect(batch.skipped).toEqual([])
  }
  await expect(openDataSet(out, { onError: 'throw' })).rejects.toMatchObject({ code: 'ERR_GOOGLENET_DATA' })
  await truncate(path, 600)
  await expect(openDataSet(out)).rejects.toMatchObject({
    code: 'ERR_GOOGLENET_DATA',
    message: expect.stringContaining(`${path}: it has 600 bytes instead of ${size}`),
  })
})

test('a shard whose index is damaged or missing is read itself', async () => {
  const out = join(await temporaryFolder(), 'pack')
  await pack(await pictures(), out, options)
  const whole = await openPacked(out)
  await rm(join(out, 'train-000000.tar.samples'))
  await writeFile(join(out, 'train-000002.tar.samples'), 'damaged')
  const { train, skipped } = await openDataSet(out)
  expect(skipped).toEqual([
    {
      name: 'train-000000.tar.samples',
      reason: expect.stringMatching(/^cannot be read: .* by their numbers$/),
    },
    {
      name: 'train-000002.tar.samples',
      reason: expect.stringMatching(/^it is not an index .* by their numbers$/),
    },
  ])
  const places = (source: SampleSource) =>
    Array.from({ length: source.length }, (_, i) => ({ ...source.sample(i), name: '' }))
  expect(places(train)).toEqual(places(whole.train))
  expect([train.sample(0).name, train.sample(5).name]).toEqual(['000000000.jpg', whole.train.sample(5).name])
  // One that is short as well gives what is whole.
  const fourth = whole.train.sample(3).source as { offset: number }
  await truncate(join(out, 'train-000000.tar'), fourth.offset - 512)
  expect((await openDataSet(out)).train.length).toBe(12 - 2)
  await rm(join(out, 'train-000000.tar'))
  await expect(openDataSet(out)).rejects.toMatchObject({
    code: 'ERR_GOOGLENET_DATA',
    message: expect.stringContaining('train-000000.tar: it has 0 bytes instead of'),
  })
})

describe('refuses', () => {
  test('other settings or other pictures in the same folder', async () => {
    const data = await pictures()
    const out = join(await temporaryFolder(), 'pack')
    await pack(data, out, options)
    const refused = { code: 'ERR_GOOGLENET_OPTION', message: expect.stringContaining('other settings') }
    await expect(pack(data, out, { ...options, quality: 50 })).rejects.toMatchObject(refused)
    await expect(pack(await pictures(), out, { ...options, seed: 1 })).rejects.toMatchObject(refused)
  })

  test('a folder that holds something else', async () => {
    const out = await temporaryFolder()
    await mkdir(join(out, 'holiday'))
    await expect(pack(await pictures(), out, options)).rejects.toMatchObject({ code: 'ERR_GOOGLENET_OPTION' })
    expect((await stat(join(out, 'holiday'))).isDirectory()).toBe(true)
  })

  test('data of which nothing can be read', async () => {
    const folder = await temporaryFolder()
    await place(folder, ['a/x.jpg', 'b/y.jpg'], 'no picture at all')
    const data = await ImageFolder.open(folder)
    await expect(pack(data, join(folder, 'out'), options)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
    })
  })

  test.each([{ quality: 0 }, { quality: 101 }, { shortSide: -1 }, { samplesPerShard: 0 }, { seed: 0.5 }])(
    '%j',
    async (wrong) => {
      const out = join(await temporaryFolder(), 'pack')
      await expect(pack(await pictures(), out, wrong)).rejects.toMatchObject({ code: 'ERR_GOOGLENET_OPTION' })
      await expect(stat(out)).rejects.toMatchObject({ code: 'ENOENT' })
    },
  )
})
