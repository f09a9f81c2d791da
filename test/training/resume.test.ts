import { createHash } from 'node:crypto'
import { copyFile, mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { ImageFolder } from '../../lib/data/imageFolder.js'
import { readCheckpoint } from '../../lib/training/checkpoint.js'
import type { TrainEvent } from '../../lib/training/events.js'
import { type TrainOptions, train } from '../../lib/training/train.js'
import { placeClasses, temporaryFolder } from '../data/pictures.js'
import { collect, digest, ofType, smallNet, timeless } from './small.js'

const folder = await temporaryFolder()
await placeClasses(join(folder, 'data/train'), { a: 5, b: 3, c: 3 })
await placeClasses(join(folder, 'data/val'), { a: 2, b: 1, c: 1 })
const data = await ImageFolder.open(join(folder, 'data'))
await writeFile(join(folder, 'data/train/b/001.png'), 'no picture')

/** Two epochs of 3 steps, the last one of a single batch, with all that has a state. */
const full: TrainOptions = {
  epochs: 2,
  batchSize: 2,
  accumulate: 2,
  schedule: { kind: 'cosine', learningRate: 0.02, warmupEpochs: 0.5 },
  momentum: 0.9,
  nesterov: true,
  weightDecay: 0.001,
  labelSmoothing: 0.1,
  averageDecay: 0.9,
  augment: { jitter: { brightness: 0.2, contrast: 0.2, saturation: 0.2 } },
  reportEvery: 2,
  seed: 11,
}

const newNet = () => smallNet(data.classes, { aux: true, auxDropout: 0.5 })

/** All that a finished training leaves, the clock left out. */
async function outcome(run: string): Promise<unknown> {
  const names = (await readdir(run)).sort()
  const { snapshot, state } = await readCheckpoint(
    join(run, names.findLast((name) => name.startsWith('check'))!),
  )
  const best = await readFile(join(run, 'best.safetensors'))
  const history = JSON.parse(await readFile(join(run, 'history.json'), 'utf8'))
  return {
    names,
    bits: digest(snapshot),
    best: createHash('sha256').update(best).digest('hex'),
    state: timeless(state),
    history: timeless(history),
  }
}

let uninterrupted: unknown
let events: TrainEvent[]
beforeAll(async () => {
  using net = await newNet()
  events = await collect(net, data, { ...full, checkpoint: join(folder, 'whole') })
  uninterrupted = await outcome(join(folder, 'whole'))
})

/** Trains until `stop` says so, by the signal or by leaving, then goes on with a new network. */
async function interrupted(
  name: string,
  how: 'abort' | 'leave',
  stop: (event: TrainEvent) => boolean,
  more: TrainOptions = {},
): Promise<{ before: TrainEvent[]; after: TrainEvent[]; outcome: unknown }> {
  const run = join(folder, name)
  const before: TrainEvent[] = []
  const controller = new AbortController()
  {
    using net = await newNet()
    for await (const event of train(net, data, {
      ...full,
      ...more,
      checkpoint: run,
      signal: controller.signal,
    })) {
      before.push(event)
      if (!stop(event)) continue
      if (how === 'leave') break
      controller.abort()
    }
  }
  using net = await newNet()
  const after = await collect(net, data, { ...full, ...more, checkpoint: run, resume: true })
  return { before, after, outcome: await outcome(run) }
}

describe('a training that was stopped gives the same bits as one that was not', () => {
  test.each<[string, (event: TrainEvent) => boolean, { epoch: number; step: number }]>([
    ['in mid-epoch', (event) => event.type === 'step' && event.step === 2, { epoch: 0, step: 2 }],
    ['in the second epoch', (event) => event.type === 'step' && event.step === 5, { epoch: 1, step: 5 }],
    ['in validation', (event) => event.type === 'validating' && event.epoch === 1, { epoch: 1, step: 6 }],
    ['before its first step', (event) => event.type === 'start', { epoch: 0, step: 0 }],
    ['between two epochs', (event) => event.type === 'epoch' && event.epoch === 0, { epoch: 1, step: 3 }],
  ])('aborted %s', async (name, stop, { epoch, step }) => {
    const { before, after, outcome } = await interrupted(name, 'abort', stop, { keep: 1 })
    expect(before.at(-1)).toMatchObject({ type: 'end', reason: 'aborted' })
    const saved = ofType(before, 'checkpoint').at(-1)!
    expect(saved).toMatchObject({ epoch, step })
    expect(after[0]).toMatchObject({
      type: 'start',
      resumed: { path: saved.path, epoch, step, passedOver: [] },
    })
    expect(after.at(-1)).toMatchObject({ type: 'end', reason: 'done' })
    expect(outcome).toEqual({ ...(uninterrupted as object), names: expect.anything() })
    expect(timeless(after.filter((event) => event.type === 'epoch' || event.type === 'end'))).toEqual(
      timeless(
        events.filter((event) => (event.type === 'epoch' && event.epoch >= epoch) || event.type === 'end'),
      ),
    )
  })

  test('killed after a checkpoint in mid-epoch', async () => {
    const { before, after, outcome } = await interrupted(
      'killed',
      'leave',
      (event) => event.type === 'step' && event.step === 5,
      { checkpointEvery: 1, keep: 2 },
    )
    expect(ofType(before, 'checkpoint').map(({ step }) => step)).toEqual([1, 2, 3, 4])
    expect(after[0]).toMatchObject({ resumed: { epoch: 1, step: 4 } })
    expect(outcome).toEqual({ ...(uninterrupted as object), names: expect.anything() })
    expect((await readdir(join(folder, 'killed'))).sort()).toEqual([
      'best.safetensors',
      'checkpoint-00000005.safetensors',
      'checkpoint-00000006.safetensors',
      'history.json',
    ])
  })

  test('what a resumed training came to before comes with its start', async () => {
    using net = await newNet()
    const [start] = ofType(
      await collect(net, data, { ...full, checkpoint: join(folder, 'whole'), resume: true }),
      'start',
    )
    expect(start!.resumed!.epochs).toEqual(ofType(events, 'end')[0]!.epochs)
    expect(timeless(start!.resumed!.steps)).toEqual(
      timeless(
        ofType(events, 'step').map(
          ({ type, stepInEpoch, stepsPerEpoch, secondsLeft, ...record }) => record,
        ) as never,
      ),
    )
  })
})

describe('going on', () => {
  test('from a finished training ends at once, with more epochs goes on', async () => {
    const run = join(folder, 'more')
    await mkdir(run)
    await copyFile(
      join(folder, 'whole/checkpoint-00000006.safetensors'),
      join(run, 'checkpoint-00000006.safetensors'),
    )
    using net = await newNet()
    const done = await collect(net, data, { ...full, checkpoint: run, resume: true })
    expect(done.map(({ type }) => type)).toEqual(['start', 'end'])
    const more = await collect(net, data, { ...full, epochs: 3, checkpoint: run, resume: run })
    expect(ofType(more, 'epoch').map(({ epoch }) => epoch)).toEqual([2])
    expect(ofType(more, 'end')[0]!.epochs.map(({ epoch }) => epoch)).toEqual([0, 1, 2])
  })

  test('from a checkpoint of another folder, into a folder of its own', async () => {
    const from = join(folder, 'whole/checkpoint-00000003.safetensors')
    const run = join(folder, 'branch')
    using net = await newNet()
    const branch = await collect(net, data, { ...full, checkpoint: run, resume: from })
    expect(branch[0]).toMatchObject({ resumed: { path: from, epoch: 1, step: 3 } })
    expect(await outcome(run)).toMatchObject({ bits: (uninterrupted as { bits: object }).bits })
  })

  test('from an earlier checkpoint leaves the later ones behind', async () => {
    const run = join(folder, 'back')
    await mkdir(run)
    for (const step of [3, 6]) {
      const name = `checkpoint-0000000${step}.safetensors`
      await copyFile(join(folder, 'whole', name), join(run, name))
    }
    using net = await newNet()
    const controller = new AbortController()
    const back = { ...full, resume: join(run, 'checkpoint-00000003.safetensors'), signal: controller.signal }
    await collect(net, data, { ...back, reportEvery: 1, checkpoint: run }, (event) => {
      if (event.type === 'step') controller.abort()
    })
    const names = (await readdir(run)).filter((name) => name.startsWith('checkpoint'))
    expect(names.sort()).toEqual(['checkpoint-00000003.safetensors', 'checkpoint-00000004.safetensors'])
  })

  test('when the newest checkpoint is damaged takes the one before, and says so', async () => {
    const run = join(folder, 'damaged')
    await mkdir(run)
    for (const step of [3, 6]) {
      const name = `checkpoint-0000000${step}.safetensors`
      await copyFile(join(folder, 'whole', name), join(run, name))
    }
    await truncate(join(run, 'checkpoint-00000006.safetensors'), 1_000_000)
    using net = await newNet()
    const [start] = ofType(await collect(net, data, { ...full, checkpoint: run, resume: true }), 'start')
    expect(start!.resumed).toMatchObject({
      path: join(run, 'checkpoint-00000003.safetensors'),
      passedOver: [
        {
          path: join(run, 'checkpoint-00000006.safetensors'),
          reason: expect.stringMatching(/checkpoint-00000006.*cut short/),
        },
      ],
    })
    expect(await outcome(run)).toMatchObject({ bits: (uninterrupted as { bits: object }).bits })
  })

  test('with another batch size, seed or network is refused, and nothing changes', async () => {
    const run = join(folder, 'whole')
    const before = await outcome(run)
    using net = await newNet()
    const bits = digest(await net.snapshot())
    const options = { ...full, batchSize: 3, seed: 12, checkpoint: run, resume: true }
    await expect(collect(net, data, options)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_CHECKPOINT',
      message: expect.stringMatching(/batchSize 2 there, 3 here; seed 11 there, 12 here/),
    })
    using other = await smallNet(data.classes)
    await expect(collect(other, data, { ...full, checkpoint: run, resume: true })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_CHECKPOINT',
      message: expect.stringMatching(/the network's aux true there, false here/),
    })
    expect(digest(await net.snapshot())).toEqual(bits)
    expect(await outcome(run)).toEqual(before)
  })

  test('without a checkpoint is refused', async () => {
    using net = await newNet()
    const options = { ...full, checkpoint: join(folder, 'never'), resume: true }
    await expect(collect(net, data, options)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_CHECKPOINT',
      message: expect.stringMatching(/never/),
    })
  })
})
