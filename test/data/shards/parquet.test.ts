import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { batches } from '../../../lib/data/batches.js'
import { memoryBytes } from '../../../lib/data/byteSource.js'
import { openSharded } from '../../../lib/data/shards/open.js'
import { readPictures, readTable } from '../../../lib/data/shards/parquetFile.js'
import type { SampleSource } from '../../../lib/data/source.js'
import { temporaryFolder } from '../pictures.js'
import { reset, serve } from '../remote/server.js'

const fixtures = fileURLToPath(new URL('fixtures/', import.meta.url))
const parts = ['train-00000-of-00002', 'train-00001-of-00002', 'validation-00000-of-00001'].map(
  (name) => `${name}.parquet`,
)
const names = ['tench', 'goldfish', 'great white shark']

/** Row and label of each picture, as its pixels have them, beside the label that came along. */
async function seen(source: SampleSource, training?: { seed: number; epoch: number }): Promise<number[][]> {
  const rows: number[][] = []
  const options = { batchSize: 4, imageSize: 16, resize: 16, dropLast: false, threads: 1 }
  for await (const { images, labels, skipped } of batches(source, {
    ...options,
    ...(training && { training }),
  })) {
    expect(skipped).toEqual([])
    for (const [i, label] of labels.entries())
      rows.push([...images.data.subarray(i * 768, i * 768 + 2), label])
  }
  return rows
}

const labels = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 2, 2, 0, 1, 1]
const expected = labels.map((label, row) => [row, label, label])

describe.each(['list', 'folder', "a repository's folder"])('Hugging Face shards by a %s', (form) => {
  test('have pictures, labels, names of classes and parts', async () => {
    const folder = await temporaryFolder()
    const inner = form.startsWith('a ') ? join(folder, 'data') : folder
    await mkdir(inner, { recursive: true })
    for (const part of parts) await cp(join(fixtures, part), join(inner, part))
    const data = await openSharded(
      form === 'list' ? parts.map((part) => join(folder, part)).join('::') : folder,
    )
    expect(data!.classes).toEqual(names)
    expect(await seen(data!.train)).toEqual(expected)
    expect(await seen(data!.validation)).toEqual([2, 1, 0].map((label, row) => [15 + row, label, label]))
  })
})

test('an epoch visits each sample once, in an order of its own', async () => {
  const data = await openSharded(join(fixtures, '{train-00000-of-00002,train-00001-of-00002}.parquet'))
  const [first, again, other] = await Promise.all(
    [0, 0, 1].map((epoch) => seen(data!.train, { seed: 3, epoch })),
  )
  expect(again).toEqual(first)
  expect(other).not.toEqual(first)
  expect(first).not.toEqual(expected)
  expect(first!.sort((a, b) => a[0]! - b[0]!)).toEqual(expected)
})

test('labels that are texts are classes by their names', async () => {
  const data = await openSharded(join(fixtures, 'texts.parquet'))
  expect(data!.classes).toEqual(['cat', 'shark'])
  expect([0, 1, 2].map((i) => data!.train.sample(i).label)).toEqual([1, 0, 1])
})

test('come over HTTP: labels by ranges, files when their pictures are needed', async () => {
  const files = Object.fromEntries(
    await Promise.all(parts.map(async (part) => [part, await readFile(join(fixtures, part))] as const)),
  )
  const server = await serve(files)
  const remote = { cache: await temporaryFolder(), attempts: 3, backoffSeconds: 0.001 }
  const data = await openSharded(parts.map((part) => server.url + part).join('::'), { remote })
  expect(data!.classes).toEqual(names)
  server.faults.push(reset(100))
  expect(await seen(data!.train)).toEqual(expected)
  const before = server.requests.length
  expect(await seen(data!.train, { seed: 1, epoch: 0 })).toHaveLength(15)
  expect(server.requests.length).toBe(before)
})

describe('refuses, with the name of the file,', () => {
  const refused: [string, () => Promise<Buffer>, string][] = [
    [
      'pictures without labels',
      () => readFile(join(fixtures, 'unlabelled.parquet')),
      'row 0: its label is -1',
    ],
    [
      'other columns',
      () => readFile(join(fixtures, 'columns.parquet')),
      'no column "image"; its columns are pixels',
    ],
    ['what is no parquet file', async () => Buffer.alloc(5000, 'x'), 'cannot be read as parquet'],
    ['an empty file', async () => Buffer.alloc(0), 'cannot be read as parquet'],
    [
      'a file that ends early',
      async () => (await readFile(join(fixtures, parts[0]!))).subarray(0, 900),
      'parquet',
    ],
  ]
  test.each(refused)('%s', async (_, content, says) => {
    const path = join(await temporaryFolder(), 'broken.parquet')
    await writeFile(path, await content())
    await expect(openSharded(path)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringMatching(new RegExp(`broken\\.parquet.*${says}`)),
    })
  })

  test('a footer that has a column twice: no failure goes unheard, which would end the process', async () => {
    const bytes = await readFile(join(fixtures, parts[0]!))
    const table = await readTable(memoryBytes(bytes), 'x')
    const { metadata } = structuredClone(table)
    for (const { columns } of metadata.row_groups) {
      for (const column of columns) column.meta_data!.path_in_schema = ['label']
    }
    const unheard = vi.fn()
    process.on('unhandledRejection', unheard)
    onTestFinished(() => void process.off('unhandledRejection', unheard))
    const damaged = memoryBytes(bytes.fill(0xff, 4, 2000))
    const reading = readPictures(damaged, 'x', { ...table, metadata, image: 'label' }, { begin: 0, end: 5 })
    await expect(reading).rejects.toMatchObject({ code: 'ERR_GOOGLENET_DATA' })
    for (let turn = 0; turn < 5; turn++) await setImmediate()
    expect(unheard).not.toHaveBeenCalled()
  })

  test('a damaged row group, when it is read', async () => {
    const path = join(await temporaryFolder(), 'broken.parquet')
    const bytes = await readFile(join(fixtures, parts[0]!))
    await writeFile(path, bytes.fill(0xff, 4, 300))
    const data = await openSharded(path)
    await expect(seen(data!.train)).rejects.toMatchObject({ code: 'ERR_GOOGLENET_DATA' })
  })
})
