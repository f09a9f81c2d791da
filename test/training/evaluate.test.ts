import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ImageFolder } from '../../lib/data/imageFolder.js'
import type { SampleSource } from '../../lib/data/source.js'
import type { GoogLeNet } from '../../lib/network.js'
import { evaluate } from '../../lib/training/evaluate.js'
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
