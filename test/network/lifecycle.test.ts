import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { packageRoot } from '../../lib/packageRoot.js'
import { create, differing, labels, waves } from './helpers.js'

const sgd = { learningRate: 0.02, momentum: 0.9 }
const disposed = expect.objectContaining({ name: 'GoogLeNetError', code: 'ERR_GOOGLENET_DISPOSED' })

describe('calls that overlap', () => {
  it('give what they give one after another', async () => {
    using net = await create()
    using twin = await create()
    const [dict, ...overlapping] = await Promise.all([
      net.stateDict(),
      net.forward(waves(2)),
      net.trainStep(waves(4), labels(4), sgd),
      net.forward(waves(2)),
      net.trainStep(waves(4, 1), labels(4), sgd),
      net.forward(waves(2)),
    ])
    expect(differing(dict, await twin.stateDict())).toEqual([])
    const sequential = [
      await twin.forward(waves(2)),
      await twin.trainStep(waves(4), labels(4), sgd),
      await twin.forward(waves(2)),
      await twin.trainStep(waves(4, 1), labels(4), sgd),
      await twin.forward(waves(2)),
    ]
    expect(overlapping).toEqual(sequential)
  })

  it('do not keep the event loop waiting', async () => {
    using net = await create()
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    for (let i = 0; i < 3; i++) await net.trainStep(waves(8), labels(8), sgd)
    clearInterval(timer)
    expect(turns).toBeGreaterThan(3)
  })
})

describe('an abort signal', () => {
  it('takes back the steps that have not begun', async () => {
    using net = await create()
    using twin = await create()
    const controller = new AbortController()
    const { signal } = controller
    const steps = [0, 1, 2].map((i) => net.trainStep(waves(4, i), labels(4), { ...sgd, signal }))
    const settled = Promise.allSettled(steps)
    await new Promise(setImmediate) // the first has begun
    controller.abort()
    const [first, ...others] = await settled
    expect(first).toMatchObject({ status: 'fulfilled' })
    for (const other of others) {
      expect(other).toMatchObject({ status: 'rejected', reason: { code: 'ERR_GOOGLENET_ABORTED' } })
    }
    await twin.trainStep(waves(4), labels(4), sgd)
    expect(differing(await net.stateDict(), await twin.stateDict())).toEqual([])
  })

  it('that has fired refuses every call that takes one', async () => {
    using net = await create()
    const signal = AbortSignal.abort()
    const aborted = { code: 'ERR_GOOGLENET_ABORTED' }
    await expect(net.forward(waves(1), { signal })).rejects.toMatchObject(aborted)
    await expect(net.trainStep(waves(2), labels(2), { ...sgd, signal })).rejects.toMatchObject(aborted)
    await expect(net.classify('any.jpg', { signal })).rejects.toMatchObject(aborted)
  })
})

describe('dispose', () => {
  it('lets the calls made before come to their end and refuses later ones', async () => {
    const net = await create()
    const before = Promise.all([
      net.forward(waves(2)),
      net.trainStep(waves(4), labels(4), sgd),
      net.stateDict(),
    ])
    net.dispose()
    net.dispose()
    const later = [
      net.forward(waves(1)),
      net.trainStep(waves(2), labels(2), sgd),
      net.stateDict(),
      net.gradients(),
      net.loadStateDict(new Map(), { strict: false }),
      net.snapshot(),
      net.save('never.safetensors'),
      net.load('never.safetensors'),
      net.plan(1, 'eval'),
      net.classify('never.jpg'),
    ]
    for (const call of later) await expect(call).rejects.toEqual(disposed)
    expect(() => net.memory()).toThrowError(disposed)
    const [{ logits }, { loss }] = await before
    expect(logits.data.every(Number.isFinite)).toBe(true)
    expect(loss).toBeGreaterThan(0)
  })

  it('lets classifications and loads that read files come to their end too', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lifecycle-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const path = join(folder, 'weights.safetensors')
    const net = await create()
    await net.save(path)
    const picture = join(packageRoot, 'data/emoji/train/animal/1F400.jpg')
    const expected = await net.classify(picture)
    const pictures = Array.from({ length: 70 }, () => picture) // more than go at once
    const calls = [
      net.classify(pictures),
      net.classify(picture, { quality: 'fast' }),
      net.load(path),
    ] as const
    net.dispose()
    await expect(net.classify(picture)).rejects.toEqual(disposed)
    await expect(net.forward(waves(1))).rejects.toEqual(disposed)
    const [many, fast, loaded] = await Promise.all(calls)
    for (const one of many) expect(one[0]!.probability).toBeCloseTo(expected[0]!.probability, 4)
    expect(fast).toHaveLength(expected.length)
    expect(loaded).toEqual({ missing: [], unexpected: [] })
  })

  it('comes with the end of a scope', async () => {
    const escaped = await (async () => {
      using net = await create()
      await net.forward(waves(1))
      return net
    })()
    await expect(escaped.forward(waves(1))).rejects.toEqual(disposed)
  })
})
