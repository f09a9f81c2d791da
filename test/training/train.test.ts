import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import type { StepMetrics } from '../../binding.js'
import { ImageFolder } from '../../lib/data/imageFolder.js'
import { GoogLeNet } from '../../lib/network.js'
import type { StateDict } from '../../lib/tensors.js'
import type { TrainEvent } from '../../lib/training/events.js'
import { type TrainOptions, train } from '../../lib/training/train.js'
import { placeClasses, temporaryFolder } from '../data/pictures.js'
import { collect, digest, ofType, smallNet, timeless } from './small.js'

const folder = await temporaryFolder()
await placeClasses(join(folder, 'data/train'), { a: 4, b: 3, c: 2 })
await placeClasses(join(folder, 'data/val'), { a: 1, b: 1, c: 1 })
const data = await ImageFolder.open(join(folder, 'data'))
const onlyTrain = { ...data, validation: { ...data.validation, length: 0, sample: data.validation.sample } }
/** 9 pictures in batches of 2: 4 steps an epoch, one picture is left out. */
const short: TrainOptions = {
  epochs: 2,
  batchSize: 2,
  schedule: { kind: 'polynomial', power: 1, learningRate: 0.02 },
}

/** Every step's options and results, as the network saw and gave them. */
function watchSteps(net: GoogLeNet) {
  const spy = vi.spyOn(net, 'trainStep')
  return {
    options: () => spy.mock.calls.map(([, , options]) => options),
    labels: () => spy.mock.calls.map(([, labels]) => labels),
    images: () => spy.mock.calls.map(([images]) => images),
    results: () => Promise.all(spy.mock.results.map(({ value }) => value as Promise<StepMetrics>)),
  }
}

/** ||one - other|| / ||one|| */
function difference(one: StateDict, other: StateDict): number {
  let [sum, norm] = [0, 0]
  for (const [name, { data: values }] of one) {
    const others = other.get(name)!.data
    for (let i = 0; i < values.length; i++) {
      sum += (values[i]! - others[i]!) ** 2
      norm += values[i]! ** 2
    }
  }
  return Math.sqrt(sum / norm)
}

describe('a training', () => {
  test('tells all that happens, in order, and keeps what it came to', async () => {
    const run = join(folder, 'told')
    using net = await smallNet(data.classes)
    const steps = watchSteps(net)
    const events = await collect(net, data, { ...short, reportEvery: 3, checkpoint: run })
    expect(events.map(({ type }) => type)).toEqual([
      'start',
      ...['step', 'step', 'validating', 'epoch', 'checkpoint'],
      ...['step', 'step', 'validating', 'epoch', 'checkpoint'],
      'end',
    ])
    expect(events[0]).toEqual({
      type: 'start',
      epochs: 2,
      stepsPerEpoch: 4,
      batchSize: 2,
      samples: 9,
      validationSamples: 3,
    })
    const results = await steps.results()
    const rates = Array.from({ length: 8 }, (_, step) => 0.02 * (1 - step / 8))
    expect(steps.options().map(({ learningRate }) => learningRate)).toEqual(rates)
    const told = ofType(events, 'step')
    expect(told.map(({ epoch, step, stepInEpoch }) => [epoch, step, stepInEpoch])).toEqual([
      [0, 3, 3],
      [0, 4, 4],
      [1, 7, 3],
      [1, 8, 4],
    ])
    expect(told.map(({ learningRate }) => learningRate)).toEqual([rates[2], rates[3], rates[6], rates[7]])
    const mean = (of: readonly StepMetrics[], value: (metrics: StepMetrics) => number) =>
      of.reduce((sum, metrics) => sum + value(metrics), 0) / of.length
    expect(told[0]!.train.loss).toBeCloseTo(
      mean(results.slice(0, 3), ({ loss }) => loss),
      10,
    )
    expect(told[1]!.train.loss).toBeCloseTo(results[3]!.loss, 10)
    for (const { imagesPerSecond, secondsLeft } of told) {
      expect(imagesPerSecond).toBeGreaterThan(0)
      expect(secondsLeft).toBeGreaterThan(0)
    }
    const epochs = ofType(events, 'epoch')
    for (const [epoch, record] of epochs.entries()) {
      const own = results.slice(4 * epoch, 4 * epoch + 4)
      expect(record.train.loss).toBeCloseTo(
        mean(own, ({ loss }) => loss),
        10,
      )
      expect(record.train.headLosses[0]).toBeCloseTo(
        mean(own, ({ headLosses }) => headLosses[0]!),
        10,
      )
      expect(record.train.top1).toBeCloseTo(mean(own, ({ top1 }) => top1) / 2, 10)
      expect(record).toMatchObject({
        epoch,
        step: 4 * epoch + 4,
        skipped: 0,
        learningRate: rates[4 * epoch + 3],
      })
      const { loss, top1, top5, samples } = record.report!
      expect(record.validation).toEqual({ loss, top1, top5, samples })
      expect(samples).toBe(3)
    }
    const checkpoints = ofType(events, 'checkpoint')
    expect(checkpoints.map(({ path, epoch, step }) => [path, epoch, step])).toEqual([
      [join(run, 'checkpoint-00000004.safetensors'), 1, 4],
      [join(run, 'checkpoint-00000008.safetensors'), 2, 8],
    ])
    const [end] = ofType(events, 'end')
    const records = epochs.map(({ type, report, ...record }) => record)
    expect(end).toMatchObject({ reason: 'done', epochs: records })
    const bestEpoch = checkpoints.findLastIndex(({ best }) => best)
    expect(end!.best).toEqual({
      epoch: bestEpoch,
      top1: records[bestEpoch]!.validation!.top1,
      path: join(run, 'best.safetensors'),
    })
    expect((await readdir(run)).sort()).toEqual([
      'best.safetensors',
      'checkpoint-00000004.safetensors',
      'checkpoint-00000008.safetensors',
      'history.json',
    ])
    const history = JSON.parse(await readFile(join(run, 'history.json'), 'utf8'))
    expect(history.epochs).toEqual(records)
    expect(history.steps).toEqual(
      told.map(({ type, stepInEpoch, stepsPerEpoch, secondsLeft, ...record }) => record),
    )
    using best = await GoogLeNet.open(run, { device: 'cpu' })
    expect(best.options.labels).toEqual(data.classes)
  })

  test('sees every sample once an epoch, in an order of the seed, in batches with their labels', async () => {
    using net = await smallNet(data.classes)
    const steps = watchSteps(net)
    await collect(net, onlyTrain, { ...short, batchSize: 9, epochs: 1, seed: 5 })
    expect([...steps.labels()[0]!].sort()).toEqual([0, 0, 0, 0, 1, 1, 1, 2, 2])
    expect(steps.images()[0]).toMatchObject({ shape: [9, 3, 64, 64], layout: 'nhwc' })
  })

  test('learns', async () => {
    using net = await smallNet(data.classes)
    const events = await collect(net, data, {
      epochs: 10,
      batchSize: 9,
      schedule: { kind: 'constant', learningRate: 0.01 },
      augment: { area: [0.8, 1], aspect: [1, 1] },
    })
    const epochs = ofType(events, 'epoch')
    expect(epochs.at(-1)!.train.loss).toBeLessThan(0.5 * epochs[0]!.train.loss)
    expect(epochs.at(-1)!.train.top1).toBeGreaterThan(0.8)
  })

  test('with one seed gives the same bits, with another seed others', async () => {
    const once = async (seed: number, loaderThreads: number) => {
      using net = await smallNet(data.classes, { aux: true })
      const events = await collect(net, data, { ...short, epochs: 1, seed, loaderThreads, averageDecay: 0.9 })
      return { events: timeless(events), bits: digest(await net.snapshot()) }
    }
    const first = await once(1, 1)
    expect(await once(1, 3)).toEqual(first)
    expect((await once(2, 1)).bits).not.toEqual(first.bits)
  })

  test('without validation and folder trains all the same', async () => {
    using net = await smallNet(data.classes)
    const events = await collect(net, onlyTrain, { ...short, epochs: 1 })
    expect(events.map(({ type }) => type)).toEqual(['start', 'step', 'epoch', 'end'])
    expect(events.at(-1)).not.toHaveProperty('best')
    expect(ofType(events, 'epoch')[0]).not.toHaveProperty('validation')
  })

  test('without validation takes the latest weights for the best', async () => {
    const run = join(folder, 'latest')
    using net = await smallNet(data.classes)
    const events = await collect(net, onlyTrain, { ...short, checkpoint: run, keep: 1 })
    expect(ofType(events, 'checkpoint').map(({ best }) => best)).toEqual([true, true])
    expect((await readdir(run)).sort()).toEqual([
      'best.safetensors',
      'checkpoint-00000008.safetensors',
      'history.json',
    ])
    using best = await GoogLeNet.open(run, { device: 'cpu' })
    expect(digest(await best.snapshot())).toMatchObject({ weights: digest(await net.snapshot()).weights })
  })

  test('ends where its reader leaves, and the network stays usable', async () => {
    using net = await smallNet(data.classes)
    let last: TrainEvent | undefined
    for await (const event of train(net, data, { ...short, reportEvery: 1 })) {
      last = event
      if (event.type === 'step') break
    }
    expect(last).toMatchObject({ type: 'step', step: 1 })
    expect((await net.snapshot()).counters.steps).toBe(1)
  })
})

describe('arithmetic', () => {
  test('gradients of several batches make one step: the mean of their gradients', async () => {
    using net = await smallNet(data.classes)
    const before = await net.snapshot()
    const steps = watchSteps(net)
    const [learningRate, weightDecay] = [0.05, 0.01]
    const events = await collect(net, onlyTrain, {
      epochs: 1,
      batchSize: 3,
      accumulate: 3,
      momentum: 0,
      weightDecay,
      schedule: { kind: 'constant', learningRate },
    })
    expect(events[0]).toMatchObject({ stepsPerEpoch: 1 })
    const trained = await net.stateDict()
    const batches = steps.images().map((images, i) => ({ images, labels: steps.labels()[i]! }))
    expect(batches.length).toBe(3)
    const computed: StateDict = new Map()
    for (const { images, labels } of batches) {
      await net.restore(before)
      await net.trainStep(images, labels, { learningRate: 0 })
      for (const [name, { shape, data: gradient }] of await net.gradients()) {
        const start = before.weights.get(name)!.data
        const moved = computed.get(name) ?? {
          shape,
          data: start.map((w) => w - learningRate * weightDecay * w),
        }
        for (let i = 0; i < gradient.length; i++) moved.data[i]! -= (learningRate * gradient[i]!) / 3
        computed.set(name, moved)
      }
    }
    const moves = [...computed.keys()].map((name) => ({ name, start: before.weights.get(name)! }))
    const moveOf = (dict: StateDict): StateDict =>
      new Map(
        moves.map(({ name, start: { shape, data: start } }) => [
          name,
          { shape, data: dict.get(name)!.data.map((value, i) => value - start[i]!) },
        ]),
      )
    expect(difference(moveOf(trained), moveOf(computed))).toBeLessThan(1e-4)
  })

  test('a step takes up what batches are left at the end of an epoch', async () => {
    using net = await smallNet(data.classes)
    const steps = watchSteps(net)
    const events = await collect(net, onlyTrain, { ...short, epochs: 1, accumulate: 3 })
    expect(events[0]).toMatchObject({ stepsPerEpoch: 2 })
    expect(steps.options().map(({ accumulate }) => accumulate)).toEqual([
      { index: 0, count: 3 },
      { index: 1, count: 3 },
      { index: 2, count: 3 },
      { index: 0, count: 1 },
    ])
    expect((await net.snapshot()).counters).toEqual({ steps: 2, batches: 4 })
  })

  test('the average follows the weights with its decay, faster in the beginning, and is what is judged', async () => {
    using net = await smallNet(data.classes)
    const decay = 0.4
    const expected = new Map(
      [...(await net.stateDict())].map(([name, { data: values }]) => [name, Float64Array.from(values)]),
    )
    let step = 0
    const trainStep = net.trainStep.bind(net)
    vi.spyOn(net, 'trainStep').mockImplementation(async (...call) => {
      const metrics = await trainStep(...call)
      const kept = Math.min(decay, (1 + step) / (10 + step))
      step++
      for (const [name, { data: weights }] of await net.stateDict()) {
        const average = expected.get(name)!
        for (let i = 0; i < weights.length; i++) average[i] = kept * average[i]! + (1 - kept) * weights[i]!
      }
      return metrics
    })
    const forward = vi.spyOn(net, 'forward')
    await collect(net, data, { ...short, averageDecay: decay })
    expect(step).toBe(8)
    const average = await net.stateDict({ weights: 'average' })
    const computed: StateDict = new Map(
      [...average].map(([name, { shape }]) => [
        name,
        { shape, data: Float32Array.from(expected.get(name)!) },
      ]),
    )
    expect(difference(average, computed)).toBeLessThan(1e-6)
    expect(difference(average, await net.stateDict())).toBeGreaterThan(1e-4)
    expect(forward.mock.calls.map(([, options]) => options!.weights)).toEqual(Array(4).fill('average'))
  })
})

describe('pictures that cannot be read', async () => {
  const broken = join(folder, 'broken')
  await placeClasses(join(broken, 'train'), { a: 3, b: 3 })
  await placeClasses(join(broken, 'val'), { a: 1, b: 1 })
  await writeFile(join(broken, 'train/a/bad.jpg'), 'no picture')
  await writeFile(join(broken, 'train/b/worse.png'), '')
  await writeFile(join(broken, 'val/b/bad.jpg'), 'no picture')
  const some = await ImageFolder.open(broken)

  test('are told once, counted each epoch, and left out of every step', async () => {
    using net = await smallNet(some.classes)
    const steps = watchSteps(net)
    const events = await collect(net, some, { ...short, batchSize: 1, accumulate: 4 })
    expect(
      ofType(events, 'skipped')
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['train/a/bad.jpg', 'train/b/worse.png', 'val/b/bad.jpg'])
    expect(ofType(events, 'epoch').map(({ skipped }) => skipped)).toEqual([3, 3])
    expect(steps.labels().length).toBe(12)
    const groups = steps.options().map(({ accumulate }) => accumulate!)
    for (const [i, { index, count }] of groups.entries()) {
      expect(index).toBeLessThan(count)
      expect(groups[i + 1]?.index ?? 0).toBe(index + 1 < count ? index + 1 : 0)
    }
  })

  test('end the training when that is asked for, and what was learnt is kept', async () => {
    const run = join(folder, 'unread')
    using net = await smallNet(some.classes)
    const events: TrainEvent[] = []
    const training = collect(net, some, { ...short, onError: 'throw', checkpoint: run }, (event) =>
      events.push(event),
    )
    await expect(training).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_PICTURE',
      message: expect.stringMatching(/train\/(a\/bad\.jpg|b\/worse\.png) cannot be read/),
    })
    expect(events.at(-1)).toMatchObject({ type: 'checkpoint', epoch: 0, best: false })
    const resumed = await collect(net, some, { ...short, onError: 'skip', checkpoint: run, resume: true })
    expect(resumed.at(-1)).toMatchObject({ type: 'end', reason: 'done' })
  })

  test('end the training when there are no others', async () => {
    const unreadable = join(folder, 'unreadable')
    const run = join(folder, 'nothing')
    await placeClasses(unreadable, { a: 2, b: 2 })
    for (const name of ['a/000.png', 'a/001.png', 'b/000.png', 'b/001.png']) {
      await writeFile(join(unreadable, name), 'no picture')
    }
    const source = await ImageFolder.open(unreadable)
    using net = await smallNet(source.classes)
    await expect(collect(net, source, { ...short, checkpoint: run })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringMatching(/none of the 4 pictures could be read/),
    })
    expect(await readdir(run)).toEqual(['history.json'])
  })
})

describe('refused at once is', async () => {
  const net = await smallNet(data.classes)
  test.each<[string, object, RegExp]>([
    ['no epoch', { epochs: 0 }, /epochs must be/],
    ['half a picture', { batchSize: 0.5 }, /batchSize must be/],
    [
      'a schedule of NaN',
      { schedule: { kind: 'constant', learningRate: Number.NaN } },
      /learningRate must be/,
    ],
    ['a momentum of 1', { momentum: 1 }, /momentum must be/],
    ['Nesterov without momentum', { momentum: 0, nesterov: true }, /nesterov needs/],
    ['an average that never moves', { averageDecay: 1 }, /averageDecay must be/],
    ['no accumulation', { accumulate: 0 }, /accumulate must be/],
    ['a seed below 0', { seed: -1 }, /seed must be/],
    ['an augmentation that is none', { augment: { area: [0, 2] } }, /augment\.area/],
    ['no thread', { loaderThreads: -1 }, /loaderThreads must be/],
    ['no report', { reportEvery: 0 }, /reportEvery must be/],
    ['no checkpoint kept', { keep: 0 }, /keep must be/],
    ['a checkpoint every 0 steps', { checkpointEvery: 0 }, /checkpointEvery must be/],
    ['a folder that is no path', { checkpoint: 5 }, /checkpoint must be a path/],
    ['going on from nowhere', { resume: true }, /resume: true goes on in the run's folder/],
    ['another onError', { onError: 'ask' }, /onError must be one of/],
    ['a resize below the crop', { resize: 63 }, /resize must be/],
  ])('%s', (_, options, message) => {
    expect(() => train(net, data, options)).toThrowError(
      expect.objectContaining({ code: 'ERR_GOOGLENET_OPTION', message: expect.stringMatching(message) }),
    )
  })

  test('data of other classes, and none', () => {
    const refusal = (message: RegExp) =>
      expect.objectContaining({ code: 'ERR_GOOGLENET_DATA', message: expect.stringMatching(message) })
    const renamed = { ...data, classes: ['a', 'b', 'd'] }
    expect(() => train(net, renamed)).toThrowError(
      refusal(/class 2 is "c" in the network and "d" in the data/),
    )
    const none = { ...data, train: { classes: data.classes, length: 0, sample: data.train.sample } }
    expect(() => train(net, none)).toThrowError(refusal(/no pictures to train on/))
  })
})
