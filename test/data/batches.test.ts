import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { DecodedBatch, Picture, PictureTransform } from '../../binding.js'
import { type Batch, type BatchesOptions, batches, trainedSamples } from '../../lib/data/batches.js'
import { ImageFolder } from '../../lib/data/imageFolder.js'
import { withClasses } from '../../lib/data/relabel.js'
import type { SampleSource } from '../../lib/data/source.js'
import { Subset } from '../../lib/data/split.js'
import { GoogLeNetError } from '../../lib/errors.js'
import { place, placeClasses, temporaryFolder } from './pictures.js'

const sourceOf = (length: number): SampleSource => ({
  classes: ['even', 'odd'],
  length,
  sample: (index) => ({ source: `${index}`, label: index % 2, name: `picture ${index}` }),
})

/** Decodes nothing, remembers what it was asked for; pictures whose index is in `broken` can't be read. */
class FakeLoader {
  readonly asked: { pictures: Picture[]; transform: PictureTransform }[] = []
  constructor(readonly broken: (index: number) => boolean = () => false) {}

  async decode(pictures: Picture[], transform: PictureTransform): Promise<DecodedBatch> {
    this.asked.push({ pictures, transform })
    await setImmediate()
    const all = pictures.map(({ index }, position) => ({ position, index }))
    const good = all.filter(({ index }) => !this.broken(index))
    const failures = all.filter(({ index }) => this.broken(index))
    return {
      data: new Uint8Array(good.length * transform.size ** 2 * 3),
      positions: Int32Array.from(good, ({ position }) => position),
      failures: failures.map(({ position }) => ({ position, reason: 'is empty' })),
      onGpu: 0,
    }
  }
}

async function collect(stream: AsyncIterable<Batch>): Promise<Batch[]> {
  const all: Batch[] = []
  for await (const batch of stream) all.push(batch)
  return all
}
const indicesOf = (all: readonly Batch[]) => all.flatMap(({ indices }) => [...indices])
const upTo = (length: number) => Array.from({ length }, (_, i) => i)
const training = { seed: 3, epoch: 2 }

describe('a pass', () => {
  const options = { batchSize: 4, imageSize: 2 }

  test('for evaluation takes the samples as they are, the last few too', async () => {
    const loader = new FakeLoader()
    const all = await collect(batches(sourceOf(10), { ...options, loader }))
    expect(indicesOf(all)).toEqual(upTo(10))
    expect(all.map(({ position }) => position)).toEqual([4, 8, 10])
    expect(all.map(({ images }) => images.shape)).toEqual([
      [4, 3, 2, 2],
      [4, 3, 2, 2],
      [2, 3, 2, 2],
    ])
    expect(all.every(({ images }) => images.layout === 'nhwc' && images.data instanceof Uint8Array)).toBe(
      true,
    )
    expect(all.flatMap(({ labels }) => [...labels])).toEqual(upTo(10).map((index) => index % 2))
    expect(loader.asked[0]!.transform).toEqual({ kind: 'eval', size: 2, resize: 2 })
    expect(loader.asked[2]!.pictures).toEqual([
      { source: '8', index: 8 },
      { source: '9', index: 9 },
    ])
  })

  test("for training shuffles, with the paper's augmentation, and leaves out what fills no batch", async () => {
    const loader = new FakeLoader()
    const all = await collect(batches(sourceOf(10), { ...options, training, loader }))
    const indices = indicesOf(all)
    expect(indices.length).toBe(8)
    expect(new Set(indices).size).toBe(8)
    expect(indices).not.toEqual(upTo(8))
    expect(all.flatMap(({ labels }) => [...labels])).toEqual(indices.map((index) => index % 2))
    expect(loader.asked[1]!.transform).toEqual({
      kind: 'train',
      size: 2,
      seed: 3,
      epoch: 2,
      area: [0.08, 1],
      aspect: [3 / 4, 4 / 3],
      flip: 0.5,
      jitter: { brightness: 0, contrast: 0, saturation: 0, hue: 0 },
      lighting: 0,
      interpolation: 'bilinear',
    })
    expect(loader.asked[1]!.pictures.map(({ index }) => index)).toEqual(indices.slice(4))
  })

  test('visits all samples over the epochs, another few left out each time', async () => {
    const seen = new Set<number>()
    for (let epoch = 0; epoch < 20; epoch++) {
      const stream = batches(sourceOf(10), {
        ...options,
        training: { seed: 1, epoch },
        loader: new FakeLoader(),
      })
      for (const index of indicesOf(await collect(stream))) seen.add(index)
    }
    expect(seen.size).toBe(10)
  })

  test.each([
    [10, 4, 8],
    [12, 4, 12],
    [3, 4, 3],
    [4, 4, 4],
  ])('of %i samples in batches of %i trains on %i', async (length, batchSize, trained) => {
    expect(trainedSamples(length, batchSize)).toBe(trained)
    const loader = new FakeLoader()
    const all = await collect(batches(sourceOf(length), { batchSize, imageSize: 2, training, loader }))
    expect(indicesOf(all).length).toBe(trained)
    const kept = batches(sourceOf(length), { batchSize, imageSize: 2, training, dropLast: false, loader })
    expect(indicesOf(await collect(kept)).length).toBe(length)
  })

  test('goes on at any position without a gap', async () => {
    const whole = await collect(batches(sourceOf(20), { ...options, training, loader: new FakeLoader() }))
    const { position } = whole[1]!
    const rest = await collect(
      batches(sourceOf(20), { ...options, training, position, loader: new FakeLoader() }),
    )
    expect(rest).toEqual(whole.slice(2))
    const nothing = batches(sourceOf(20), { ...options, training, position: 20, loader: new FakeLoader() })
    expect(await collect(nothing)).toEqual([])
  })

  test.each([0, 1, 3])('decodes %i batches ahead, and no more', async (prefetch) => {
    const loader = new FakeLoader()
    const stream = batches(sourceOf(40), { ...options, prefetch, loader })
    expect(loader.asked.length).toBe(0)
    for (let taken = 1; taken <= 10; taken++) {
      await stream.next()
      await setImmediate()
      expect(loader.asked.length).toBe(Math.min(10, taken + prefetch))
    }
  })

  test('ends when its reader leaves', async () => {
    const loader = new FakeLoader()
    const stream = batches(sourceOf(400), { ...options, loader })
    for await (const _ of stream) break
    await setImmediate()
    expect(loader.asked.length).toBe(3)
    await expect(stream.next()).resolves.toMatchObject({ done: true })
  })

  test('ends when its signal fires', async () => {
    const controller = new AbortController()
    const stream = batches(sourceOf(40), { ...options, loader: new FakeLoader(), signal: controller.signal })
    await stream.next()
    controller.abort()
    await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_GOOGLENET_ABORTED' })
    await expect(stream.next()).resolves.toMatchObject({ done: true })
    const late = batches(sourceOf(40), { ...options, loader: new FakeLoader(), signal: controller.signal })
    await expect(late.next()).rejects.toMatchObject({ code: 'ERR_GOOGLENET_ABORTED' })
  })
})

describe('ranks', () => {
  const options = { batchSize: 3, imageSize: 2 }
  const passOf = async (length: number, more: Partial<BatchesOptions>) =>
    collect(batches(sourceOf(length), { ...options, ...more, loader: new FakeLoader() }))
  const all = (ranks: number, length: number, more: Partial<BatchesOptions> = {}) =>
    Promise.all(upTo(ranks).map((rank) => passOf(length, { ...more, rank, ranks })))

  const lengths = [1, 2, 7, 24, 25, 50]
  test.each(lengths)('of an evaluation of %i lose none and take none twice', async (length) => {
    for (const ranks of [1, 2, 3, 8]) {
      const passes = await all(ranks, length)
      expect(passes.flatMap(indicesOf).sort((a, b) => a - b)).toEqual(upTo(length))
      for (const [rank, pass] of passes.entries()) {
        expect(indicesOf(pass).every((index) => index % ranks === rank)).toBe(true)
      }
    }
  })

  test.each([8, 24, 25, 50])(
    'of a training on %i get equally much, and it is what one would get',
    async (length) => {
      for (const ranks of [1, 2, 3, 8]) {
        const passes = await all(ranks, length, { training })
        const sizes = passes.map((pass) => pass.map(({ indices }) => indices.length))
        expect(new Set(sizes.map(String)).size).toBe(1)
        const trained = trainedSamples(length, options.batchSize, ranks)
        const alone = await passOf(length, { training, dropLast: false })
        expect(passes.flatMap(indicesOf).sort((a, b) => a - b)).toEqual(
          indicesOf(alone)
            .slice(0, trained)
            .sort((a, b) => a - b),
        )
        expect(passes.map((pass) => pass.at(-1)!.position)).toEqual(passes.map(() => trained))
      }
    },
  )

  test('go on from a position, in another number too, with exactly what is left', async () => {
    const begun = await all(2, 50, { training, batchSize: 4 })
    const { position } = begun[0]![2]!
    const done = begun.flatMap((pass) => indicesOf(pass.slice(0, 3)))
    for (const [ranks, batchSize] of [
      [2, 4],
      [1, 8],
      [4, 2],
    ] as const) {
      const rest = (await all(ranks, 50, { training, batchSize, position })).flatMap(indicesOf)
      const whole = begun.flatMap(indicesOf).sort((a, b) => a - b)
      expect([...done, ...rest].sort((a, b) => a - b)).toEqual(whole)
    }
  })

  test.each([
    [{ ranks: 0 }, /ranks must be/],
    [{ rank: 2, ranks: 2 }, /rank must be/],
    [{ rank: -1 }, /rank must be/],
    [{ ranks: 11, training }, /ranks must be at most the 10 samples/],
  ])('refuse %j', (more, message) => {
    expect(() => batches(sourceOf(10), { ...options, ...more })).toThrowError(
      expect.objectContaining({ code: 'ERR_GOOGLENET_OPTION', message: expect.stringMatching(message) }),
    )
  })
})

describe('a source', () => {
  const backwards: SampleSource = {
    ...sourceOf(9),
    order: (_, epoch) => ({ at: (position) => (8 - position + epoch) % 9 }),
  }
  const options = { batchSize: 3, imageSize: 2 }

  test('may have an order of its own, which a part of it keeps', async () => {
    const loader = new FakeLoader()
    const pass = (source: SampleSource) =>
      collect(batches(source, { ...options, training: { seed: 1, epoch: 0 }, loader }))
    expect(indicesOf(await pass(backwards))).toEqual([8, 7, 6, 5, 4, 3, 2, 1, 0])
    const part = new Subset(backwards, Uint32Array.of(2, 3, 8))
    expect(indicesOf(await pass(part))).toEqual([2, 1, 0])
    const renamed = withClasses(backwards, { classes: ['a', 'b'], labels: [1, 0] })
    const [first] = await pass(renamed)
    expect([...first!.indices]).toEqual([8, 7, 6])
    expect([...first!.labels]).toEqual([1, 0, 1])
  })

  test('brings its samples before they are decoded, and is told when nobody waits any more', async () => {
    const here = new Set<number>()
    const signals: (AbortSignal | undefined)[] = []
    const remote: SampleSource = {
      ...sourceOf(30),
      sample: (index) => {
        if (!here.has(index)) throw new Error(`sample ${index} is not here`)
        return sourceOf(30).sample(index)
      },
      ready: async (indices, signal) => {
        signals.push(signal)
        await setImmediate()
        for (const index of indices) here.add(index)
      },
    }
    const all = await collect(batches(remote, { ...options, loader: new FakeLoader() }))
    expect(indicesOf(all)).toEqual(upTo(30))
    const part = new Subset(remote, Uint32Array.of(20, 29))
    here.clear()
    expect(indicesOf(await collect(batches(part, { ...options, loader: new FakeLoader() })))).toEqual([0, 1])
    expect(here).toEqual(new Set([20, 29]))
    signals.length = 0
    for await (const _ of batches(remote, { ...options, loader: new FakeLoader() })) break
    expect(signals.length).toBe(3)
    expect(signals.every((signal) => signal?.aborted)).toBe(true)
  })

  test('whose bytes do not come ends the pass with what it says', async () => {
    const gone: SampleSource = {
      ...sourceOf(9),
      ready: async () => {
        throw new GoogLeNetError('ERR_GOOGLENET_IO', 'no route to the server')
      },
    }
    await expect(collect(batches(gone, { ...options, loader: new FakeLoader() }))).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_IO',
      message: 'no route to the server',
    })
  })
})

describe('pictures that cannot be read', () => {
  const options = { batchSize: 4, imageSize: 2 }

  test('are left out and named', async () => {
    const loader = new FakeLoader((index) => [1, 4, 5, 6, 7].includes(index))
    const all = await collect(batches(sourceOf(10), { ...options, loader }))
    expect(all.map(({ indices }) => [...indices])).toEqual([[0, 2, 3], [], [8, 9]])
    expect(all.map(({ labels }) => [...labels])).toEqual([[0, 0, 1], [], [0, 1]])
    expect(all.map(({ images }) => images.shape[0])).toEqual([3, 0, 2])
    expect(all.map(({ position }) => position)).toEqual([4, 8, 10])
    expect(all[0]!.skipped).toEqual([{ name: 'picture 1', reason: 'is empty' }])
  })

  test('end the pass when that is asked for', async () => {
    const loader = new FakeLoader((index) => index === 5)
    const stream = batches(sourceOf(10), { ...options, onError: 'throw', loader })
    await stream.next()
    await expect(stream.next()).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_PICTURE',
      message: 'picture 5 cannot be read: is empty',
    })
  })

  test('end the pass when there are no others', async () => {
    const loader = new FakeLoader(() => true)
    await expect(collect(batches(sourceOf(10), { ...options, loader }))).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringMatching(/none of the 10 pictures .* picture 0: is empty/),
    })
  })
})

describe('refused at once is', () => {
  const good: BatchesOptions = { batchSize: 2, imageSize: 2, loader: new FakeLoader() }
  test.each<[string, object, RegExp]>([
    ['a batch of none', { batchSize: 0 }, /batchSize must be/],
    ['a batch of a part', { batchSize: 1.5 }, /batchSize must be/],
    ['a size of none', { imageSize: 0 }, /imageSize must be/],
    ['two channels', { channels: 2 }, /1 channel .* or 3/],
    ['a position behind the end', { position: 11 }, /position must be/],
    ['half a thread', { threads: 0.5 }, /threads must be/],
    ['a negative prefetch', { prefetch: -1 }, /prefetch must be/],
    ['a resize below the crop', { imageSize: 8, resize: 7 }, /resize must be/],
    ['another onError', { onError: 'ignore' }, /onError must be one of/],
    ['a seed that is none', { training: { seed: Number.NaN, epoch: 0 } }, /seed must be/],
    [
      'an area the wrong way round',
      { training: { ...training, augment: { area: [1, 0.5] } } },
      /augment\.area/,
    ],
    ['an area of nothing', { training: { ...training, augment: { area: [0, 1] } } }, /augment\.area/],
    ['an area that is one number', { training: { ...training, augment: { area: 0.5 } } }, /two numbers/],
    ['a flip of 2', { training: { ...training, augment: { flip: 2 } } }, /augment\.flip/],
    [
      'a jitter below 0',
      { training: { ...training, augment: { jitter: { contrast: -1 } } } },
      /augment\.jitter\.contrast/,
    ],
  ])('%s', (_, options, message) => {
    expect(() => batches(sourceOf(10), { ...good, ...options })).toThrowError(
      expect.objectContaining({ code: 'ERR_GOOGLENET_OPTION', message: expect.stringMatching(message) }),
    )
  })
})

describe('real pictures', async () => {
  const folder = await temporaryFolder()
  await placeClasses(folder, { a: 5, b: 4, c: 3 })
  await writeFile(join(folder, 'b/broken.jpg'), 'no picture')
  await writeFile(join(folder, 'c/cut.png'), (await readFile(join(folder, 'c/000.png'))).subarray(0, 3000))
  await writeFile(join(folder, 'c/png-inside.jpg'), await readFile(join(folder, 'c/001.png')))
  const { train } = await ImageFolder.open(folder)
  const options = { batchSize: 4, imageSize: 32 }

  test('arrive, and what is broken is named', async () => {
    const all = await collect(batches(train, { ...options, imageSize: 64, resize: 64, threads: 2 }))
    expect(indicesOf(all).length).toBe(13)
    expect(all.flatMap(({ skipped }) => skipped.map(({ name }) => name))).toEqual([
      'b/broken.jpg',
      'c/cut.png',
    ])
    const pixels = (name: string) => {
      for (const { images, indices } of all) {
        const place = [...indices].findIndex((index) => train.sample(index).name === name)
        if (place >= 0) return images.data.subarray(place * 64 * 64 * 3, (place + 1) * 64 * 64 * 3)
      }
      throw new Error(`${name} did not arrive`)
    }
    expect(pixels('c/png-inside.jpg')).toEqual(pixels('c/001.png'))
    expect(pixels('c/001.png')).not.toEqual(pixels('c/000.png'))
  })

  test('are augmented by seed, epoch and sample alone, whatever the threads and the place of the start', async () => {
    const pass = (more: Partial<BatchesOptions>) => collect(batches(train, { ...options, training, ...more }))
    const one = await pass({ threads: 1 })
    expect(await pass({ threads: 3, prefetch: 5 })).toEqual(one)
    expect(await pass({ threads: 2, position: 4 })).toEqual(one.slice(1))
    const view = (all: readonly Batch[], sample: number) => {
      for (const { images, indices } of all) {
        const place = indices.indexOf(sample)
        if (place >= 0) return images.data.subarray(place * 3072, (place + 1) * 3072)
      }
      return undefined
    }
    const other = await pass({ batchSize: 5 })
    const both = upTo(15).filter((sample) => view(one, sample) && view(other, sample))
    expect(both.length).toBeGreaterThan(5)
    for (const sample of both) expect(view(other, sample)).toEqual(view(one, sample))
    const later = await pass({ training: { ...training, epoch: 3 } })
    const changed = both.filter((sample) => view(later, sample))
    for (const sample of changed) expect(view(later, sample)).not.toEqual(view(one, sample))
  })

  test('may be grey', async () => {
    const [first] = await collect(batches(train, { ...options, channels: 1 }))
    expect(first!.images.shape).toEqual([4, 1, 32, 32])
    expect(first!.images.data.length).toBe(4 * 32 * 32)
  })

  test('that can all not be read end the pass', async () => {
    const unreadable = join(folder, '.unreadable')
    await place(unreadable, ['a/1.jpg', 'a/2.png', 'b/3.jpg'], 'no picture')
    const { train: source } = await ImageFolder.open(unreadable)
    await expect(collect(batches(source, { ...options, training }))).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringMatching(/none of the 3 pictures/),
    })
  })
})
