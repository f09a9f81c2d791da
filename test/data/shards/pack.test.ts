import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { batches } from '../../../lib/data/batches.js'
import { ImageFolder } from '../../../lib/data/imageFolder.js'
import { pack } from '../../../lib/data/shards/pack.js'
import { openPacked } from '../../../lib/data/shards/packed.js'
import { openShards } from '../../../lib/data/shards/webDataset.js'
import type { SampleSource } from '../../../lib/data/source.js'
import { place, placeClasses, temporaryFolder } from '../pictures.js'

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
  for (const name of await readdir(out)) if (name.endsWith('.index')) await rm(join(out, name))
  const shards = await openShards(out, { classNames: data.classes })
  expect(shards.train.length).toBe(12)
  expect(shards.validation.length).toBe(3)
  const packed = await readFile(join(out, 'train-000000.tar'))
  expect(packed.toString('latin1', 257, 262)).toBe('ustar')
  const counts = [0, 0, 0]
  for (let i = 0; i < 12; i++) counts[shards.train.sample(i).label]!++
  expect(counts).toEqual([4, 6, 2])
})

test('pixels stay within what the quality allows, and small plain JPEGs stay as they are', async () => {
  const data = await pictures()
  const folder = await temporaryFolder()
  await pack(data, join(folder, 'once'), { ...options, quality: 98 })
  const once = await openPacked(join(folder, 'once'))
  const before = await pixels(data.validation)
  const after = await pixels(once.validation)
  let sum = 0
  for (const [i, value] of before.entries()) sum += Math.abs(value - after[i]!)
  expect(sum / before.length).toBeLessThan(12) // noise in colour, of which half the samples are kept
  await pack(once, join(folder, 'twice'), { ...options, quality: 10 })
  const twice = await openPacked(join(folder, 'twice'))
  expect(Buffer.compare(await pixels(twice.validation), after)).toBe(0)
})

async function pixels(source: SampleSource): Promise<Uint8Array> {
  for await (const { images } of batches(source, { batchSize: 3, imageSize: 64, resize: 64 })) {
    return images.data as Uint8Array
  }
  throw new Error('no batch')
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
  const report = await pack(data, join(folder, '../pack-' + Date.now()), options)
  expect(report.parts.train).toEqual({ samples: 8, shards: 2 })
  expect(report.skipped.sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
    { name: 'cat/broken.jpg', reason: 'is not a picture; only JPEG and PNG are read' },
    { name: 'dog/other.png', reason: 'is not a picture; only JPEG and PNG are read' },
  ])
  await rm(report.out, { recursive: true })
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
