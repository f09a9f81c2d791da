import { createHash } from 'node:crypto'
import { cp, mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { PictureSource } from '../../binding.js'
import { type BatchesOptions, batches } from '../../lib/data/batches.js'
import { type DataEvent, openDataSet } from '../../lib/data/open.js'
import { pack } from '../../lib/data/shards/pack.js'
import type { DataSet, SampleSource } from '../../lib/data/source.js'
import { evaluate } from '../../lib/training/evaluate.js'
import { collect, ofType, smallNet } from '../training/small.js'
import {
  devkit,
  labels,
  makeIlsvrc,
  trainArchive,
  validationArchive,
  validationLabels,
  wordNetIds,
} from './ilsvrc.js'
import { temporaryFolder } from './pictures.js'
import { serve } from './remote/server.js'

const root = await temporaryFolder()
process.env.XDG_CACHE_HOME = join(root, 'cache')
await makeIlsvrc(root)
const at = (...path: string[]) => join(root, ...path)

/** Addresses of files of a folder, on a server. */
async function served(folder: string, ending: string): Promise<string> {
  const names = (await readdir(at(folder))).filter((name) => name.endsWith(ending)).sort()
  const files = await Promise.all(
    names.map(async (name) => [name, await readFile(at(folder, name))] as const),
  )
  const { url } = await serve(Object.fromEntries(files))
  return names.map((name) => url + name).join('::')
}
const remote = { cache: at('remote') }
const overHttp = { shards: await served('shards', '.tar'), parquet: await served('parquet', '.parquet') }

async function bytesOf(source: PictureSource): Promise<Buffer> {
  if (source instanceof Uint8Array) return Buffer.from(source)
  if (typeof source === 'string') return readFile(source)
  return (await readFile(source.path)).subarray(source.offset, source.offset + source.length)
}

/** All that training sees of a source: in their order the pictures, what they show, and their files' names. */
async function seen(source: SampleSource) {
  await source.ready?.(Array.from({ length: source.length }, (_, i) => i))
  const samples = Array.from({ length: source.length }, (_, i) => source.sample(i))
  return Promise.all(
    samples.map(async ({ source: where, label, name }) => ({
      name: basename(name).replace(/\.\w+$/, ''),
      label,
      digest: createHash('sha256')
        .update(await bytesOf(where))
        .digest('hex'),
    })),
  )
}
const byName = (one: { name: string }, other: { name: string }) => (one.name < other.name ? -1 : 1)

const forms: [form: string, open: () => Promise<DataSet>][] = [
  ['a folder of archives', () => openDataSet(at('archives'))],
  ['the training archive alone', () => openDataSet(at('archives', trainArchive))],
  ['a flat validation folder', () => openDataSet(at('flat'))],
  ["Kaggle's layout", () => openDataSet(at('kaggle'))],
  ["Kaggle's folder of pictures", () => openDataSet(at('kaggle/ILSVRC/Data/CLS-LOC'))],
  ['class folders', () => openDataSet(at('folders'))],
  ['class folders and the devkit', () => openDataSet(at('folders'), { devkit: at('archives', devkit) })],
  [
    'class folders and a mapping',
    () => openDataSet(at('folders'), { devkit: at('kaggle/LOC_synset_mapping.txt') }),
  ],
  ['WebDataset shards', () => openDataSet(at('shards'), { classNames: wordNetIds })],
  ['WebDataset shards and the devkit', () => openDataSet(at('shards'), { devkit: at('archives', devkit) })],
  [
    'WebDataset shards over HTTP',
    () => openDataSet(overHttp.shards, { devkit: at('archives', devkit), remote }),
  ],
  ['parquet files', () => openDataSet(at('parquet'), { classNames: wordNetIds })],
  ['parquet files over HTTP', () => openDataSet(overHttp.parquet, { classNames: wordNetIds, remote })],
]

describe.each(forms)('%s', (form, open) => {
  test('has the same samples in the same order', async () => {
    const data = await open()
    const reference = await openDataSet(at('folders'))
    // Rows of a table have no names but their numbers.
    const names = form.startsWith('parquet files') ? { name: expect.stringMatching(/#\d+$/) } : {}
    const expected = (samples: object[]) => samples.map((one) => ({ ...one, ...names }))
    expect(await seen(data.train)).toEqual(expected(await seen(reference.train)))
    expect((await seen(data.validation)).sort(byName)).toEqual(
      expected((await seen(reference.validation)).sort(byName)),
    )
    expect((await seen(data.validation)).sort(byName).map(({ label }) => label)).toEqual(validationLabels)
    expect(data.skipped ?? []).toEqual([])
  })

  test('calls its classes what people do, where the words are there', async () => {
    const data = await open()
    const isNamed = !['class folders', 'WebDataset shards'].includes(form) && !form.startsWith('parquet')
    for (const part of [data, data.train, data.validation]) {
      expect(part.classes).toEqual(isNamed ? labels : wordNetIds)
    }
    if (isNamed) expect(data.validation.synsets).toEqual(wordNetIds)
  })

  test('gives the same losses with the same seed', async () => {
    const reference = await losses(await openDataSet(at('folders')))
    expect(reference.length).toBe(4)
    expect(await losses(await open())).toEqual(reference)
  })
})

/** Of each step of an epoch, and how well it was learnt. */
async function losses(data: DataSet): Promise<number[]> {
  using net = await smallNet(data.classes)
  const options = { epochs: 1, batchSize: 8, reportEvery: 1, seed: 7, loaderThreads: 1 }
  const events = await collect(net, data, options)
  const report = await evaluate(net, data.validation)
  return [...ofType(events, 'step').map(({ train }) => train.loss), report.top1]
}

test('a pack has the same samples, mixed; it gives the same losses here and over HTTP', async () => {
  const reference = await openDataSet(at('archives'))
  await pack(reference, at('pack'), { samplesPerShard: 7 })
  const files = await readdir(at('pack'))
  const entries = files.map(async (name) => [name, await readFile(at('pack', name))] as const)
  const server = await serve(Object.fromEntries(await Promise.all(entries)))
  const packed = [await openDataSet(at('pack')), await openDataSet(server.url, { remote })]
  for (const { classes, train, validation } of packed) {
    expect(classes).toEqual(labels)
    expect(train.synsets).toEqual(wordNetIds)
    expect((await seen(train)).sort(byName)).toEqual((await seen(reference.train)).sort(byName))
    expect(await seen(validation)).toEqual(await seen(reference.validation))
  }
  expect(await losses(packed[1]!)).toEqual(await losses(packed[0]!))
})

test('a pass over the archives is the same for any threads, ranks and place of its start', async () => {
  const { train } = await openDataSet(at('archives'))
  const options = { batchSize: 4, imageSize: 32, training: { seed: 5, epoch: 2 } }
  const pass = async (more: Partial<BatchesOptions>) => {
    const all = []
    for await (const batch of batches(train, { ...options, ...more })) all.push(batch)
    return all
  }
  const alone = await pass({ threads: 1 })
  expect(alone.flatMap(({ indices }) => [...indices]).sort((a, b) => a - b)).toEqual([...Array(24).keys()])
  expect(await pass({ threads: 3, prefetch: 4 })).toEqual(alone)
  expect(await pass({ threads: 2, position: 8 })).toEqual(alone.slice(2))
  const pixels = new Map<number, Uint8Array>()
  for (const { images, indices } of alone) {
    for (const [i, index] of indices.entries()) {
      pixels.set(index, Uint8Array.from(images.data.subarray(i * 3072, (i + 1) * 3072)))
    }
  }
  for (const rank of [0, 1, 2]) {
    for (const { images, indices } of await pass({ rank, ranks: 3, batchSize: 2 })) {
      for (const [i, index] of indices.entries()) {
        expect(Uint8Array.from(images.data.subarray(i * 3072, (i + 1) * 3072))).toEqual(pixels.get(index))
        pixels.delete(index)
      }
    }
  }
  expect(pixels.size).toBe(0)
})

test('an archive that is cut off or goes during a pass costs its pictures alone, each named', async () => {
  const archive = at('vanishing.tar')
  await cp(at('archives', trainArchive), archive)
  const { train } = await openDataSet(archive)
  const kept = train.sample(20).source as { offset: number }
  await truncate(archive, kept.offset)
  const skipped: string[] = []
  let read = 0
  for await (const batch of batches(train, { batchSize: 5, imageSize: 32 })) {
    skipped.push(...batch.skipped.map(({ name }) => name))
    read += batch.labels.length
  }
  const lost = Array.from({ length: train.length }, (_, i) => train.sample(i)).filter(
    ({ source }) => (source as { offset: number }).offset >= kept.offset,
  )
  expect(skipped).toEqual(lost.map(({ name }) => name))
  expect(read).toBe(train.length - lost.length)
  expect(read).toBeGreaterThan(0)
  await rm(archive)
  const gone = batches(train, { batchSize: 5, imageSize: 32 })
  await expect(
    gone
      .next()
      .then(() => gone.next())
      .then(async () => {
        for await (const _ of gone);
      }),
  ).rejects.toMatchObject({
    code: 'ERR_GOOGLENET_DATA',
    message: expect.stringMatching(/none of the 24 pictures could be read/),
  })
})

test('names are saved with the weights', async () => {
  const { classes } = await openDataSet(at('archives'))
  using net = await smallNet(classes)
  await net.save(at('weights.safetensors'))
  const { GoogLeNet } = await import('../../lib/network.js')
  using again = await GoogLeNet.open(at('weights.safetensors'), { device: 'cpu' })
  expect(again.options.labels).toEqual(labels)
})

describe('parts', () => {
  let folder = ''
  let count = 0
  beforeEach(async () => {
    folder = at(`parts-${count++}`)
    await mkdir(folder)
  })
  const bring = async (...names: string[]) => {
    for (const name of names) await cp(at('archives', name), join(folder, name))
  }

  test('the training archive without the devkit has WordNet IDs for names, and may be split', async () => {
    await bring(trainArchive)
    const data = await openDataSet(folder, { split: { validation: 0.2 }, seed: 3 })
    expect(data.classes).toEqual(wordNetIds)
    const folders = await openDataSet(at('folders/train'), { split: { validation: 0.2 }, seed: 3 })
    expect(await seen(data.train)).toEqual(await seen(folders.train))
    expect(await seen(data.validation)).toEqual(await seen(folders.validation))
    expect(data.validation.length).toBe(4)
  })

  test('the validation archive and the devkit are enough to evaluate', async () => {
    await bring(validationArchive, devkit)
    for (const path of [folder, join(folder, validationArchive)]) {
      const { classes, train, validation } = await openDataSet(path)
      expect(classes).toEqual(labels)
      expect(train.length).toBe(0)
      expect((await seen(validation)).map(({ label }) => label)).toEqual(validationLabels)
    }
    const flat = await openDataSet(at('flat/val'), { devkit: join(folder, devkit) })
    expect((await seen(flat.validation)).map(({ label }) => label)).toEqual(validationLabels)
    const kaggle = await openDataSet(at('flat/val'), { devkit: at('kaggle/LOC_val_solution.csv') })
    expect(kaggle.classes).toEqual(labels)
    expect((await seen(kaggle.validation)).map(({ label }) => label)).toEqual(validationLabels)
  })

  test('for evaluation alone the training archive is left alone', async () => {
    await bring(trainArchive, validationArchive, devkit)
    const events: DataEvent[] = []
    const data = await openDataSet(folder, { part: 'validation', onEvent: (event) => events.push(event) })
    expect(data.validation.length).toBe(validationLabels.length)
    expect(events.map((event) => event.path)).toEqual([join(folder, validationArchive)])
  })

  test('may be elsewhere', async () => {
    await bring(trainArchive)
    const data = await openDataSet(join(folder, trainArchive), {
      validation: at('flat/val'),
      devkit: at('archives/unpacked/ILSVRC2012_devkit_t12'),
    })
    expect(data.classes).toEqual(labels)
    expect((await seen(data.validation)).map(({ label }) => label)).toEqual(validationLabels)
  })

  test('of other pictures than ImageNet may be elsewhere too', async () => {
    const { classes, train, validation } = await openDataSet(at('folders/train'), {
      validation: at('folders/val'),
    })
    const reference = await openDataSet(at('folders'))
    expect(classes).toEqual(wordNetIds)
    expect(await seen(train)).toEqual(await seen(reference.train))
    expect(await seen(validation)).toEqual(await seen(reference.validation))
  })

  test('without ground truth the validation archive is not used, and that is said', async () => {
    await bring(trainArchive, validationArchive)
    const data = await openDataSet(folder)
    expect(data.validation.length).toBe(0)
    expect(data.skipped).toEqual([
      {
        name: validationArchive,
        reason: expect.stringMatching(/^has no ground truth; put ILSVRC2012_devkit/),
      },
    ])
    await expect(openDataSet(folder, { onError: 'throw' })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringMatching(/ILSVRC2012_img_val.tar has no ground truth/),
    })
    await expect(openDataSet(folder, { part: 'validation' })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
    })
  })

  test('that end early give what is whole, and what is lost is told', async () => {
    await bring(trainArchive, validationArchive, devkit)
    // The archive begins with the last class; of the first, with which it ends, two pictures are left.
    const whole = await openDataSet(folder)
    const third = whole.train.sample(2).source as { offset: number; length: number }
    await truncate(join(folder, trainArchive), third.offset + third.length - 1)
    const data = await openDataSet(folder)
    expect(data.classes).toEqual(labels)
    expect(data.train.length).toBe(whole.train.length - 5)
    expect(data.skipped?.map(({ name, reason }) => `${name} ${reason}`)).toEqual([
      expect.stringMatching(/^n01440764\/n01440764_\d+.JPEG is cut off: 1 of its bytes/),
      expect.stringMatching(/^n01440764.tar ends early, 1 bytes before/),
      expect.stringMatching(/^ILSVRC2012_img_train.tar ends early/),
    ])
    await truncate(join(folder, validationArchive), 5000)
    const fewer = await openDataSet(folder)
    expect(fewer.skipped?.map(({ reason }) => reason)).toContainEqual(
      expect.stringMatching(/^lacks \d pictures of the ground truth$/),
    )
  })

  test('whose classes are fewer than the ground truth leave out the others, and that is said', async () => {
    await mkdir(join(folder, 'train'))
    for (const wnid of wordNetIds.slice(0, 3))
      await symlink(at('folders/train', wnid), join(folder, 'train', wnid))
    await bring(validationArchive, devkit)
    const data = await openDataSet(folder)
    expect(data.classes).toEqual(['tench', 'crane', 'kit fox'])
    expect(data.validation.length).toBe(7)
    expect(data.skipped).toEqual([
      { name: validationArchive, reason: 'holds 2 pictures of classes that are not trained on' },
    ])
  })

  test.each<[string, (kit: string) => Promise<void>, RegExp]>([
    ['that is none', (kit) => writeFile(kit, 'nothing'), /it holds no meta.mat/],
    ['cut off', (kit) => truncate(kit, 700), /cannot be unpacked/],
    ['that is not there', (kit) => rm(kit), /there is no such file/],
  ])('a devkit %s is refused', async (_, spoil, message) => {
    await bring(trainArchive, validationArchive, devkit)
    const kit = join(folder, 'kit.tar.gz')
    await cp(join(folder, devkit), kit)
    await spoil(kit)
    await expect(openDataSet(folder, { devkit: kit })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringMatching(message),
    })
  })

  test.each([
    ['meta.mat', 'no MATLAB file', /meta.mat: it is damaged/],
    ['ILSVRC2012_validation_ground_truth.txt', '1\n2\n7\n', /line 3 of .* names no class/],
  ])('a devkit with a wrong %s is refused', async (name, content, message) => {
    const kit = join(folder, 'kit')
    await cp(at('archives/unpacked/ILSVRC2012_devkit_t12'), kit, { recursive: true })
    await writeFile(join(kit, 'data', name), content)
    await expect(openDataSet(at('archives'), { devkit: kit })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringMatching(message),
    })
  })

  test.each([
    ['LOC_synset_mapping.txt', 'n01440764 tench\ntench n01440764\n', /mapping.txt: line 2/],
    ['LOC_val_solution.csv', 'ImageId,PredictionString\nILSVRC2012_val_00000001,7\n', /solution.csv: line 2/],
  ])("Kaggle's %s with a wrong line is refused", async (name, content, message) => {
    await cp(at('kaggle'), folder, { recursive: true })
    await writeFile(join(folder, name), content)
    await expect(openDataSet(folder)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringMatching(message),
    })
  })

  test.each<[string, string, RegExp]>([
    ['nowhere', 'there-is-none', /no such file or folder/],
    ['an empty folder', '', /holds no folders/],
  ])('%s is refused', async (_, name, message) => {
    await expect(openDataSet(join(folder, name))).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringMatching(message),
    })
  })
})
