import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GoogLeNet, type Snapshot, type TrainStepOptions } from '../../lib/index.js'
import { writeCheckpointFile } from '../../lib/weights/modelFile.js'
import { readSafetensors, writeSafetensors } from '../../lib/weights/safetensors.js'
import { create, differing, labels, waves } from './helpers.js'

const sgd: TrainStepOptions = { learningRate: 0.02, momentum: 0.9, weightDecay: 1e-4 }
const averaged = { ...sgd, averageDecay: 0.9 }

/** Steps on batches of their own, so that the order counts. */
async function train(net: GoogLeNet, steps: number, options = sgd, first = 0): Promise<number[]> {
  const losses: number[] = []
  for (let i = 0; i < steps; i++) {
    losses.push((await net.trainStep(waves(4, first + i), labels(4), options)).loss)
  }
  return losses
}

function differences(a: Snapshot, b: Snapshot): unknown {
  const none = new Map()
  return {
    weights: differing(a.weights, b.weights),
    momentum: differing(a.momentum ?? none, b.momentum ?? none),
    average: differing(a.average ?? none, b.average ?? none),
    counters: [a.counters, b.counters].map(({ steps, batches }) => `${steps}/${batches}`),
  }
}
const same = (counters: string) => ({
  weights: [],
  momentum: [],
  average: [],
  counters: [counters, counters],
})

let folder: string
let path: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'network-'))
  path = join(folder, 'net.safetensors')
})
afterAll(() => rm(folder, { recursive: true }))

describe('state dicts', () => {
  it('go from one network into another', async () => {
    using a = await create({ seed: 1 })
    using b = await create({ seed: 2 })
    await train(a, 1)
    const dict = await a.stateDict()
    await expect(b.loadStateDict(dict)).resolves.toEqual({ missing: [], unexpected: [] })
    expect(differing(await b.stateDict(), dict)).toEqual([])
    expect((await b.forward(waves(2))).logits).toEqual((await a.forward(waves(2))).logits)
  })

  it('are refused whole or loaded in part, as asked', async () => {
    using net = await create()
    const before = await net.stateDict()
    const tensor = { shape: [4], data: Float32Array.of(1, 2, 3, 4) }
    const partial = new Map([
      ['fc.bias', tensor],
      ['fc.scale', tensor],
    ])
    const complete = new Map(before).set('fc.scale', tensor)
    await expect(net.loadStateDict(partial)).rejects.toMatchObject({ code: 'ERR_GOOGLENET_WEIGHTS_MISSING' })
    await expect(net.loadStateDict(complete)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_WEIGHTS_UNEXPECTED',
      message: expect.stringContaining('fc.scale'),
    })
    const misshapen = new Map(partial).set('stem_conv.0.bias', { shape: [1], data: new Float32Array(1) })
    await expect(net.loadStateDict(misshapen, { strict: false })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_SHAPE',
    })
    expect(differing(await net.stateDict(), before)).toEqual([])

    const { missing, unexpected } = await net.loadStateDict(partial, { strict: false })
    expect(missing).toHaveLength(before.size - 1)
    expect(unexpected).toEqual(['fc.scale'])
    expect(differing(await net.stateDict(), before)).toEqual(['fc.bias'])
  })
})

describe('files', () => {
  it('bring back the network: weights, options, labels', async () => {
    const given = { classes: ['cat', 'dog', 'bird', 'fish'], reduction4d: 144, aux: false, seed: 9 }
    using net = await create(given)
    await train(net, 1)
    await net.save(path)
    using opened = await GoogLeNet.open(path, { device: 'cpu', threads: 2 })
    expect(opened.options).toEqual({ ...net.options, threads: 2 })
    expect(differing(await opened.stateDict(), await net.stateDict())).toEqual([])
  })

  it('have the entries of the PyTorch module, batch counts included', async () => {
    using net = await create()
    await net.forward(waves(2), { mode: 'train' })
    await train(net, 1)
    await net.save(path)
    const { tensors } = await readSafetensors(path)
    const dict = await net.stateDict()
    const norms = [...dict.keys()].filter((name) => name.endsWith('.running_var'))
    expect(tensors.size).toBe(dict.size + norms.length)
    for (const name of norms) {
      const count = tensors.get(name.replace('running_var', 'num_batches_tracked'))
      expect(count).toEqual({ shape: [], data: BigInt64Array.of(2n) })
    }
  })

  it('keep the average when asked to', async () => {
    using net = await create()
    await train(net, 2, averaged)
    await net.save(path, { weights: 'average' })
    using opened = await GoogLeNet.open(path)
    expect(differing(await opened.stateDict(), await net.stateDict({ weights: 'average' }))).toEqual([])
  })

  it('from elsewhere load by their names, and open by these and their shapes', async () => {
    using net = await create()
    await train(net, 1)
    const dict = await net.stateDict()
    await writeSafetensors(path, dict)
    using other = await create({ seed: 5 })
    await expect(other.load(path)).resolves.toEqual({ missing: [], unexpected: [] })
    expect(differing(await other.stateDict(), dict)).toEqual([])
    using opened = await GoogLeNet.open(path, { device: 'cpu', threads: 1 })
    expect(opened.options).toEqual({ ...net.options, imageSize: 224 })
    expect(differing(await opened.stateDict(), dict)).toEqual([])
    await writeSafetensors(path, new Map([...dict].map(([name, tensor]) => [`module.${name}`, tensor])))
    await expect(GoogLeNet.open(path)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_WEIGHTS_FORMAT',
      message: expect.stringContaining('without the options'),
    })
    dict.delete('fc.bias')
    await writeSafetensors(path, dict)
    await expect(other.load(path)).rejects.toMatchObject({ code: 'ERR_GOOGLENET_WEIGHTS_MISSING' })
    await expect(other.load(path, { strict: false })).resolves.toEqual({
      missing: ['fc.bias'],
      unexpected: [],
    })
  })

  it('of another width are refused', async () => {
    using narrow = await create({ aux: false })
    using wide = await create({ aux: false, reduction4d: 144 })
    await narrow.save(path)
    await expect(wide.load(path)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_SHAPE',
      message: expect.stringMatching(/inception_branch_d4.branch2.0.weight has shape \[114, 512, 1, 1\]/),
    })
  })

  it('that are missing, or cannot be written, say so', async () => {
    using net = await create()
    const nowhere = join(folder, 'nowhere', 'net.safetensors')
    await expect(net.load(nowhere)).rejects.toMatchObject({ code: 'ERR_GOOGLENET_WEIGHTS_FORMAT' })
    await expect(GoogLeNet.open(nowhere)).rejects.toMatchObject({ code: 'ERR_GOOGLENET_WEIGHTS_FORMAT' })
    await expect(net.save(nowhere)).rejects.toMatchObject({ code: 'ERR_GOOGLENET_IO' })
    expect((await readdir(folder)).every((name) => !name.endsWith('.tmp'))).toBe(true)
  })
})

describe('snapshots', () => {
  it('continue with the same bits as no stop: dropout, momentum, average, statistics', async () => {
    using straight = await create({ seed: 3 })
    await train(straight, 2, averaged)
    const snapshot = await straight.snapshot()
    const losses = await train(straight, 2, averaged, 2)
    const end = await straight.snapshot()

    using resumed = await create({ seed: 3 })
    await resumed.restore(snapshot)
    expect(differences(await resumed.snapshot(), snapshot)).toEqual(same('2/2'))
    expect(await train(resumed, 2, averaged, 2)).toEqual(losses)
    expect(differences(await resumed.snapshot(), end)).toEqual(same('4/4'))

    await straight.restore(snapshot)
    expect(await train(straight, 2, averaged, 2)).toEqual(losses)
  })

  it('from before the training take its traces away', async () => {
    using net = await create({ seed: 3 })
    const fresh = await net.snapshot()
    expect(Object.keys(fresh)).toEqual(['weights', 'counters'])
    const losses = await train(net, 3, averaged)
    await net.restore(fresh)
    expect(differences(await net.snapshot(), fresh)).toEqual(same('0/0'))
    await expect(net.stateDict({ weights: 'average' })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_OPTION',
    })
    expect(await train(net, 3, averaged)).toEqual(losses)
  })

  it('that do not fit are refused, and change nothing', async () => {
    using net = await create()
    await train(net, 1)
    const good = await net.snapshot()
    const lacking = new Map(good.momentum)
    lacking.delete('fc.bias')
    await expect(net.restore({ ...good, momentum: lacking })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_WEIGHTS_MISSING',
    })
    await expect(net.restore({ ...good, counters: { steps: -1, batches: 0 } })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_OPTION',
    })
    const lossScale = { scale: 0.5, growing: 0, skipped: 0 }
    await expect(net.restore({ ...good, lossScale })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_OPTION',
    })
    expect(differences(await net.snapshot(), good)).toEqual(same('1/1'))
  })

  it('of fp16 on a GPU go on elsewhere, without the loss scale', async () => {
    using net = await create()
    const snapshot = { ...(await net.snapshot()), lossScale: { scale: 1024, growing: 5, skipped: 0 } }
    await net.restore(snapshot)
    expect(await net.snapshot()).not.toHaveProperty('lossScale')
  })

  it('in a checkpoint open as a network that trains on', async () => {
    using net = await create({ seed: 4 })
    await train(net, 2, averaged)
    await writeCheckpointFile(path, { options: net.options, snapshot: await net.snapshot(), training: {} })
    const losses = await train(net, 1, averaged, 2)
    using opened = await GoogLeNet.open(path, { device: 'cpu', threads: 1 })
    expect(await train(opened, 1, averaged, 2)).toEqual(losses)
    using loaded = await create({ seed: 8 })
    await loaded.load(path)
    expect((await loaded.snapshot()).momentum).toBeUndefined()
  })
})
