/** Steps that are begun before the last one has ended, as on a GPU: the same training. */
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { ImageFolder } from '../../lib/data/imageFolder.js'
import type { GoogLeNet } from '../../lib/network.js'
import { readCheckpoint } from '../../lib/training/checkpoint.js'
import type { TrainEvent } from '../../lib/training/events.js'
import { type TrainOptions, train } from '../../lib/training/train.js'
import { placeClasses, temporaryFolder } from '../data/pictures.js'
import { collect, digest, ofType, smallNet, timeless } from './small.js'

const folder = await temporaryFolder()
await placeClasses(join(folder, 'data/train'), { a: 6, b: 4, c: 4 })
await placeClasses(join(folder, 'data/val'), { a: 2, b: 1, c: 1 })
const data = await ImageFolder.open(join(folder, 'data'))
await writeFile(join(folder, 'data/train/b/001.png'), 'no picture')

const options: TrainOptions = {
  epochs: 2,
  batchSize: 2,
  schedule: { kind: 'cosine', learningRate: 0.02, warmupEpochs: 0.5 },
  averageDecay: 0.9,
  reportEvery: 1,
  checkpointEvery: 3,
  keep: 100,
  loaderThreads: 1,
  seed: 11,
}

/** A network on the CPU that passes for one on a GPU; `most` are the steps that were under way at once. */
async function passingForGpu(): Promise<{ net: GoogLeNet; most: () => number }> {
  const net = await smallNet(data.classes)
  let underWay = 0
  let most = 0
  const trainStep = net.trainStep.bind(net)
  Object.defineProperty(net, 'options', { value: { ...net.options, device: 'cuda:0' } })
  net.trainStep = async (...call) => {
    most = Math.max(most, ++underWay)
    return trainStep(...call).finally(() => underWay--)
  }
  return { net, most: () => most }
}

/** Every checkpoint of a run, and what its training told. */
async function outcome(run: string, events: readonly TrainEvent[]): Promise<unknown> {
  const names = (await readdir(run)).filter((name) => name.startsWith('checkpoint')).sort()
  const checkpoints = await Promise.all(names.map((name) => readCheckpoint(join(run, name))))
  return {
    names,
    checkpoints: checkpoints.map(({ snapshot, state }) => [digest(snapshot), timeless(state)]),
    events: timeless(events),
  }
}

describe.each([1, 2])('with %i batches a step', (accumulate) => {
  const given = { ...options, accumulate }
  let alone: unknown
  beforeAll(async () => {
    const run = join(folder, `alone-${accumulate}`)
    using net = await smallNet(data.classes)
    alone = await outcome(run, await collect(net, data, { ...given, checkpoint: run }))
  })

  test('events, checkpoints and bits are those of one step after another', async () => {
    const run = join(folder, `overlapping-${accumulate}`)
    const { net, most } = await passingForGpu()
    using _ = net
    expect(await outcome(run, await collect(net, data, { ...given, checkpoint: run }))).toEqual(alone)
    expect(most()).toBe(3 * accumulate)
  })

  test('aborted, the steps under way count, and the rest follows with the same bits', async () => {
    const run = join(folder, `aborted-${accumulate}`)
    const controller = new AbortController()
    const { net } = await passingForGpu()
    using _ = net
    const before = await collect(
      net,
      data,
      { ...given, checkpoint: run, signal: controller.signal },
      (event) => {
        if (event.type === 'step' && event.step === 2) controller.abort()
      },
    )
    expect(ofType(before, 'end')).toMatchObject([{ reason: 'aborted' }])
    const other = (await passingForGpu()).net
    using __ = other
    await collect(other, data, { ...given, checkpoint: run, resume: true })
    const last = (names: string[]) => join(run, names.sort().findLast((name) => name.startsWith('check'))!)
    const { snapshot } = await readCheckpoint(last(await readdir(run)))
    expect((alone as { checkpoints: unknown[][] }).checkpoints.at(-1)![0]).toEqual(digest(snapshot))
  })
})

test('whoever stops reading leaves no failure behind', async () => {
  const { net } = await passingForGpu()
  for await (const event of train(net, data, options)) if (event.type === 'step') break
  net.dispose()
  await expect(net.stateDict()).rejects.toMatchObject({ code: 'ERR_GOOGLENET_DISPOSED' })
})
