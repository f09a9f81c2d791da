import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProfileReport } from '../../binding.js'
import type { GoogLeNet } from '../../lib/index.js'
import { cardPeaks, peaksIn } from '../../lib/peaks.js'
import { kindRows, stepRows, totalRow } from '../../lib/profile.js'
import { create, differing, labels, waves } from './helpers.js'

const sgd = { learningRate: 0.02, momentum: 0.9, averageDecay: 0.9 }

describe('profile', () => {
  let net: GoogLeNet
  beforeAll(async () => {
    net = await create()
  })
  afterAll(() => net.dispose())

  it('times every step of the plan, the update, and the whole', async () => {
    const { plan, steps, whole, peaks } = await net.profile({ batch: 3, mode: 'train', repeat: 1 })
    expect([plan.mode, plan.batch]).toEqual(['train', 3])
    expect(steps.map(({ name, layer }) => [name, layer])).toEqual([
      ...plan.steps.map(({ operation, layers }) => [operation, layers.join(' + ')]),
      ['update', ''],
      ['prepare weights', ''],
    ])
    for (const { name, seconds } of steps) expect(seconds, name).toBeGreaterThan(0)
    expect(whole).toBeGreaterThan(0)
    expect(peaks?.flops).toBeGreaterThan(0)
    expect(peaks?.bandwidth).toBeGreaterThan(0)
  })

  it("times the main head's forward pass, of the images that are computed at a time", async () => {
    const { plan, steps } = await net.profile({ batch: 32, mode: 'eval', repeat: 1 })
    expect([plan.mode, plan.batch, plan.heads.length]).toEqual(['eval', 2, 1])
    expect(steps.map(({ name }) => name)).toEqual(plan.steps.map(({ operation }) => operation))
  })

  it('leaves the network as it was, before its first step and after', async () => {
    using other = await create()
    const train = () => other.trainStep(waves(4), labels(4), sgd)
    const profile = async () => {
      await other.profile({ batch: 4, mode: 'train', repeat: 1 })
      await other.profile({ batch: 4, mode: 'eval', repeat: 1 })
    }
    const fresh = await other.snapshot()
    await profile()
    const profiled = await other.snapshot()
    expect(Object.keys(profiled)).toEqual(Object.keys(fresh))
    expect(differing(profiled.weights, fresh.weights)).toEqual([])
    expect(profiled.counters).toEqual({ steps: 0, batches: 0 })
    await expect(other.gradients()).rejects.toMatchObject({ code: 'ERR_GOOGLENET_OPTION' })

    await train()
    const [before, gradients] = [await other.snapshot(), await other.gradients()]
    await profile()
    const [after, sameGradients] = [await other.snapshot(), await other.gradients()]
    for (const set of ['weights', 'momentum', 'average'] as const) {
      expect(differing(after[set]!, before[set]!), set).toEqual([])
    }
    expect(after.counters).toEqual(before.counters)
    expect(differing(sameGradients, gradients)).toEqual([])

    // And what it has prepared from its weights is theirs: it goes on as one that was never profiled.
    const { logits } = await other.forward(waves(2))
    await train()
    using untouched = await create()
    await untouched.trainStep(waves(4), labels(4), sgd)
    expect((await untouched.forward(waves(2))).logits.data).toEqual(logits.data)
    await untouched.trainStep(waves(4), labels(4), sgd)
    expect(differing(await other.stateDict(), await untouched.stateDict())).toEqual([])
  })

  it.each([
    [{ batch: 0, mode: 'eval' }, /batch must be a whole number from 1 to 65535, found 0/],
    [{ batch: 1, mode: 'both' }, /mode must be one of/],
    [{ batch: 1, mode: 'eval', repeat: 0 }, /repeat must be/],
  ])('refuses %o', async (options, message) => {
    const profiled = net.profile(options as Parameters<GoogLeNet['profile']>[0])
    await expect(profiled).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_OPTION',
      message: expect.stringMatching(message),
    })
  })

  it('refuses to train a network of one class', async () => {
    using single = await create({ classes: 1 })
    await expect(single.profile({ batch: 1, mode: 'train', repeat: 1 })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_OPTION',
    })
  })
})

describe('rows of a profile', () => {
  const step = (operation: string, layers: string[], rows: number) => ({
    operation,
    layers,
    reads: ['x'],
    writes: ['y'],
    input: { buffer: 'x', rows, channels: 8, stride: 8, offset: 0, padding: 0 },
    output: { buffer: 'y', rows, channels: 4, stride: 4, offset: 0, padding: 0 },
  })
  const report: ProfileReport = {
    plan: {
      mode: 'train',
      batch: 10,
      forwardSteps: 3,
      heads: [],
      arenaBytes: 0,
      unsharedBytes: 0,
      buffers: [],
      parameters: [{ name: 'w', offset: 0, count: 5, trainable: true }],
      steps: [step('linear', ['a'], 10), step('copy', ['b'], 100), step('linear', ['c', 'd'], 30)],
    },
    steps: [
      { name: 'linear', layer: 'a', seconds: 1 },
      { name: 'copy', layer: 'b', seconds: 5 },
      { name: 'linear', layer: 'c + d', seconds: 2 },
      { name: 'update', layer: '', seconds: 1.5 },
      { name: 'prepare weights', layer: '', seconds: 0.5 },
    ],
    whole: 9,
  }

  it('have the larger of the times that arithmetic and memory need', () => {
    const rows = stepRows(report, 'fp32', { flops: 320, bandwidth: 960 })
    expect(rows.map(({ flops, bytes, limit }) => [flops, bytes, limit])).toEqual([
      [640, 480, 2],
      [0, 4800, 5],
      [1920, 1440, 6],
      [0, 100, 100 / 960],
      [0, 0, 0],
    ])
    expect(rows.map(({ layers }) => layers)).toEqual([['a'], ['b'], ['c', 'd'], [], []])
    expect(rows.map(({ share }) => share)).toEqual([0.1, 0.5, 0.2, 0.15, 0.05])
  })

  it('add up by operation and altogether', () => {
    const rows = stepRows(report, 'fp32', { flops: 320, bandwidth: 960 })
    const [linear, ...others] = kindRows(rows)
    expect(linear).toMatchObject({
      operation: 'linear',
      layers: [],
      count: 2,
      seconds: 3,
      flops: 2560,
      limit: 8,
    })
    expect(others.map(({ operation, count }) => [operation, count])).toEqual([
      ['copy', 1],
      ['update', 1],
      ['prepare weights', 1],
    ])
    expect(totalRow('all', rows)).toMatchObject({ operation: 'all', count: 5, seconds: 10, bytes: 6820 })
  })

  it('are without limits where no peaks are known', () => {
    const rows = stepRows(report, 'fp32')
    for (const row of [...rows, ...kindRows(rows), totalRow('all', rows)])
      expect(row).not.toHaveProperty('limit')
  })
})

describe('peaks of cards', () => {
  it('are known by name, and depend on the precision', () => {
    expect(cardPeaks('NVIDIA H200')).toEqual({ flops: 790e12, bandwidth: 4.3e12 })
    expect(cardPeaks('NVIDIA H100 80GB HBM3')).toEqual({ flops: 790e12, bandwidth: 3e12 })
    expect(peaksIn('tf32', { flops: 790e12, bandwidth: 3e12 })).toEqual({ flops: 395e12, bandwidth: 3e12 })
  })

  it.each(['NVIDIA H100 PCIe', 'Tesla T4', ''])('are not guessed: %s', (name) => {
    expect(cardPeaks(name)).toBeUndefined()
  })
})
