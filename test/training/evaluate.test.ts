import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { softmax } from '../../lib/classify.js'
import { judgedTransform } from '../../lib/data/augment.js'
import { ImageFolder } from '../../lib/data/imageFolder.js'
import { openLoader } from '../../lib/data/loader.js'
import type { SampleSource } from '../../lib/data/source.js'
import { classify } from '../../lib/ensemble.js'
import { GoogLeNetError } from '../../lib/errors.js'
import type { GoogLeNet } from '../../lib/network.js'
import { type EvaluationReport, evaluate } from '../../lib/training/evaluate.js'
import { place, placeClasses, temporaryFolder } from '../data/pictures.js'
import { smallNet } from './small.js'

const folder = await temporaryFolder()
await placeClasses(folder, { cat: 4, dog: 3, owl: 2 })
await writeFile(join(folder, 'dog/broken.png'), 'no picture')
const source: SampleSource = (await ImageFolder.open(folder)).train
let net: GoogLeNet
beforeAll(async () => {
  net = await smallNet(source.classes)
})
afterAll(() => net.dispose())

test('several batches judged at once, as on a GPU, give the same report, and progress in the same steps', async () => {
  const timeless = ({ seconds, imagesPerSecond, ...report }: EvaluationReport) => report
  const judged = async (one: GoogLeNet) => {
    const progress: number[] = []
    const options = { batchSize: 2, onProgress: (done: number) => progress.push(done) }
    return { report: timeless(await evaluate(one, source, options)), progress }
  }
  const alone = await judged(net)
  expect(alone.progress).toEqual([2, 4, 6, 8, 10])
  expect(alone.report.skipped).toHaveLength(1)
  const other = await smallNet(source.classes)
  Object.defineProperty(other, 'options', { value: { ...other.options, device: 'cuda:0' } })
  const forward = other.forward.bind(other)
  let [underWay, most] = [0, 0]
  other.forward = async (...call) => {
    most = Math.max(most, ++underWay)
    return forward(...call).finally(() => underWay--)
  }
  expect(await judged(other)).toEqual(alone)
  expect(most).toBe(3)
  other.forward = () => Promise.reject(new GoogLeNetError('ERR_GOOGLENET_DEVICE', 'lost'))
  await expect(evaluate(other, source, { batchSize: 2 })).rejects.toMatchObject({
    code: 'ERR_GOOGLENET_DEVICE',
  })
  other.dispose()
})

describe('several images a picture, several networks', () => {
  /** The mean probabilities of a picture's crops over networks, by hand. */
  async function answers(nets: GoogLeNet[], index: number, crops: 10 | 144): Promise<number[]> {
    const loader = openLoader(3, 1)
    const transform = judgedTransform(64, crops)
    const { data } = await loader.decode([{ source: source.sample(index).source, index }], transform)
    loader.dispose()
    const classes = source.classes.length
    const sums = new Array<number>(classes).fill(0)
    for (const one of nets) {
      const images = { data, shape: [crops, 3, 64, 64], layout: 'nhwc' } as const
      const { logits } = await one.forward(images)
      for (let crop = 0; crop < crops; crop++) {
        const row = softmax(logits.data.subarray(crop * classes, (crop + 1) * classes))
        row.forEach((probability, i) => {
          sums[i]! += probability / (crops * nets.length)
        })
      }
    }
    return sums
  }

  test('are averaged by their probabilities', async () => {
    using other = await smallNet(source.classes, { seed: 2 })
    for (const crops of [10, 144] as const) {
      const nets = crops === 10 ? [net, other] : [net]
      const index = 5
      const one: SampleSource = { classes: source.classes, length: 1, sample: () => source.sample(index) }
      const report = await evaluate(nets, one, { crops, batchSize: 7 })
      const expected = await answers(nets, index, crops)
      const { label } = source.sample(index)
      expect(report.samples).toBe(1)
      expect(report.loss).toBeCloseTo(-Math.log(expected[label]!), 5)
      const predicted = expected.indexOf(Math.max(...expected))
      expect(report.confusion[label]![predicted]).toBe(1)
      const [predictions] = await classify(nets, [source.sample(index).source as string], { crops })
      const sorted = [...expected].sort((a, b) => b - a)
      for (const [i, { probability }] of predictions!.entries()) {
        expect(probability).toBeCloseTo(sorted[i]!, 5)
      }
    }
  })

  test('do not depend on the batches, and skip what cannot be read', async () => {
    const [a, b] = [
      await evaluate(net, source, { crops: 10, batchSize: 3 }),
      await evaluate([net], source, { crops: 10, batchSize: 64, loaderThreads: 2 }),
    ]
    expect(a.confusion).toEqual(b.confusion)
    expect(a.loss).toBeCloseTo(b.loss, 4)
    expect(a.skipped).toHaveLength(1)
    expect(a.samples).toBe(source.length - 1)
  })

  test('must agree', async () => {
    using larger = await smallNet(source.classes, { imageSize: 80 })
    using strange = await smallNet(['ant', 'bee', 'cat'])
    const refused = (nets: GoogLeNet[], message: RegExp) =>
      expect(evaluate(nets, source)).rejects.toMatchObject({
        code: 'ERR_GOOGLENET_OPTION',
        message: expect.stringMatching(message),
      })
    await refused([], /the list is empty/)
    await refused([net, larger], /imageSize of network 1 is 80, that of network 0 64/)
    await refused([net, strange], /class 0 of network 1 is "ant", that of network 0 "cat"/)
    const asked = (options: object) => evaluate(net, source, options)
    await expect(asked({ crops: 5 })).rejects.toMatchObject({ code: 'ERR_GOOGLENET_OPTION' })
    await expect(asked({ crops: 144, resize: 80 })).rejects.toMatchObject({ code: 'ERR_GOOGLENET_OPTION' })
    await expect(asked({ quality: 'best' })).rejects.toMatchObject({ code: 'ERR_GOOGLENET_OPTION' })
    await expect(asked({ orientation: 'up' })).rejects.toMatchObject({ code: 'ERR_GOOGLENET_OPTION' })
  })
})

describe('an evaluation', () => {
  test('counts what classify answers, picture by picture', async () => {
    const { skipped, seconds, imagesPerSecond, ...report } = await evaluate(net, source, { batchSize: 4 })
    const confusion = source.classes.map(() => source.classes.map(() => 0))
    let [loss, samples] = [0, 0]
    for (let index = 0; index < source.length; index++) {
      const sample = source.sample(index)
      if (sample.name.includes('broken')) continue
      const answers = await net.classify(sample.source as string, { top: 3 })
      confusion[sample.label]![answers[0]!.index]!++
      loss -= Math.log(answers.find((answer) => answer.index === sample.label)!.probability)
      samples++
    }
    expect(report.confusion).toEqual(confusion)
    expect(report.samples).toBe(samples)
    expect(report.loss).toBeCloseTo(loss / samples, 4)
    const correct = confusion.map((row, label) => row[label]!)
    expect(report.top1).toBeCloseTo(correct.reduce((sum, count) => sum + count, 0) / samples, 12)
    expect(report.top5).toBe(1)
    expect(report.perClass).toEqual(
      ['cat', 'dog', 'owl'].map((label, i) => ({
        label,
        samples: [4, 3, 2][i],
        correct: correct[i],
        top1: correct[i]! / [4, 3, 2][i]!,
      })),
    )
    expect(report.mistakes.length).toBe(samples - correct.reduce((sum, count) => sum + count, 0))
    for (const { index, name, label, predicted } of report.mistakes) {
      expect(source.sample(index)).toMatchObject({ name, label })
      expect(predicted).not.toBe(label)
    }
    expect(skipped.map(({ name }) => name)).toEqual(['dog/broken.png'])
    expect(imagesPerSecond).toBeCloseTo(samples / seconds, 6)
  })

  test('does not depend on the batches', async () => {
    const timeless = async (batchSize: number, loaderThreads: number) => {
      const { seconds, imagesPerSecond, loss, mistakes, ...rest } = await evaluate(net, source, {
        batchSize,
        loaderThreads,
      })
      expect(mistakes.length).toBeGreaterThan(0)
      return rest
    }
    expect(await timeless(1, 1)).toEqual(await timeless(32, 2))
  })

  test('tells how far it is', async () => {
    const told: [number, number][] = []
    await evaluate(net, source, { batchSize: 4, onProgress: (...progress) => told.push(progress) })
    expect(told).toEqual([
      [4, 10],
      [8, 10],
      [10, 10],
    ])
  })

  test('can be aborted', async () => {
    const controller = new AbortController()
    const evaluation = evaluate(net, source, {
      batchSize: 2,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    })
    await expect(evaluation).rejects.toMatchObject({ code: 'ERR_GOOGLENET_ABORTED' })
  })

  test('ends at a picture that cannot be read when that is asked for', async () => {
    await expect(evaluate(net, source, { onError: 'throw' })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_PICTURE',
      message: expect.stringMatching(/dog\/broken\.png cannot be read/),
    })
  })

  test('takes the weights asked for', async () => {
    await expect(evaluate(net, source, { weights: 'average' })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_OPTION',
      message: expect.stringMatching(/average/),
    })
    await expect(evaluate(net, source, { weights: 'best' as 'average' })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_OPTION',
      message: expect.stringMatching(/weights must be one of/),
    })
  })
})

describe('refused are', () => {
  test.each([
    [['cat', 'dog'], /the network has 3 classes, the data 2/],
    [['cat', 'owl', 'dog'], /class 1 is "dog" in the network and "owl" in the data/],
  ])('the classes %j', async (classes, message) => {
    await expect(evaluate(net, { ...source, classes, length: 1 })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringMatching(message),
    })
  })

  test('no pictures', async () => {
    const none: SampleSource = { classes: source.classes, length: 0, sample: () => source.sample(0) }
    await expect(evaluate(net, none)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringMatching(/no pictures to evaluate/),
    })
  })

  test('pictures none of which can be read', async () => {
    const unreadable = join(folder, '.unreadable')
    await place(unreadable, ['cat/1.jpg', 'dog/2.jpg', 'owl/3.jpg'], 'no picture')
    const { train } = await ImageFolder.open(unreadable)
    await rm(join(unreadable, 'dog/2.jpg'))
    await expect(evaluate(net, train)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringMatching(/none of the 3 pictures could be read.*cat\/1\.jpg/),
    })
  })

  test('a network that takes no pictures, and a disposed one', async () => {
    using deep = await smallNet(source.classes, { channels: 4 })
    await expect(evaluate(deep, source)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_OPTION',
      message: expect.stringMatching(/the network takes 4/),
    })
    const gone = await smallNet(source.classes)
    gone.dispose()
    await expect(evaluate(gone, source)).rejects.toMatchObject({ code: 'ERR_GOOGLENET_DISPOSED' })
  })
})

test('a network without names takes any classes', async () => {
  using unnamed = await smallNet([], { classes: 3 })
  expect((await evaluate(unnamed, source)).classes).toEqual(['cat', 'dog', 'owl'])
})
