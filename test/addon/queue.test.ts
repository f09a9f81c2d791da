import { afterEach, describe, expect, it } from 'vitest'
import type { Network } from '../../binding.js'
import { evalForward, step, tinyBatch, tinyLabels, tinyNetwork, weightsOf } from './tiny.js'

const open: Network[] = []
async function create(): Promise<Network> {
  const network = await tinyNetwork()
  open.push(network)
  return network
}
afterEach(() => {
  for (const network of open.splice(0)) network.dispose()
})

const disposed = expect.objectContaining({ code: 'ERR_GOOGLENET_DISPOSED' })

describe('calls', () => {
  it('made at once have the results of calls made one after another', async () => {
    const alone = await create()
    const awaited = [
      await alone.trainStep(tinyBatch(4, 1), tinyLabels(), step),
      await alone.trainStep(tinyBatch(4, 2), tinyLabels(), step),
      await alone.forward(tinyBatch(3, 3), evalForward),
      await alone.getTensors('momentum'),
      await alone.trainStep(tinyBatch(4, 4), tinyLabels(), step),
      await alone.getTensors('weights'),
    ]
    const crowded = await create()
    const together = await Promise.all([
      crowded.trainStep(tinyBatch(4, 1), tinyLabels(), step),
      crowded.trainStep(tinyBatch(4, 2), tinyLabels(), step),
      crowded.forward(tinyBatch(3, 3), evalForward),
      crowded.getTensors('momentum'),
      crowded.trainStep(tinyBatch(4, 4), tinyLabels(), step),
      crowded.getTensors('weights'),
    ])
    expect(together).toEqual(awaited)
  })

  it('settle in the order in which they were made', async () => {
    const network = await create()
    const settled: number[] = []
    await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        await (i % 3 === 0
          ? network.getTensors('weights')
          : network.forward(tinyBatch(1 + (i % 4)), evalForward))
        settled.push(i)
      }),
    )
    expect(settled).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
  })

  it('on several networks at once do not disturb each other', async () => {
    const train = async (network: Network) => {
      for (let i = 1; i <= 3; i++) await network.trainStep(tinyBatch(4, i), tinyLabels(), step)
      return weightsOf(network)
    }
    const expected = await train(await create())
    const networks = await Promise.all([create(), create(), create()])
    const trained = await Promise.all(networks.map(train))
    for (const weights of trained) expect(weights).toEqual(expected)
  })

  it('take copies: their arrays may be changed or transferred at once', async () => {
    const network = await create()
    const expected = await create()
    const reference = [
      await expected.trainStep(tinyBatch(), tinyLabels(), step),
      await expected.trainStep(tinyBatch(), tinyLabels(), step),
    ]
    const changed = tinyBatch()
    const changedLabels = tinyLabels()
    const first = network.trainStep(changed, changedLabels, step)
    changed.data.fill(Number.NaN)
    changedLabels.fill(-1)
    const transferred = tinyBatch()
    const transferredLabels = tinyLabels()
    const second = network.trainStep(transferred, transferredLabels, step)
    structuredClone(0, {
      transfer: [transferred.data.buffer as ArrayBuffer, transferredLabels.buffer as ArrayBuffer],
    })
    expect(transferred.data.length).toBe(0)
    expect(await Promise.all([first, second])).toEqual(reference)
  })

  it('leave the tensors that were set to their owner', async () => {
    const network = await create()
    const data = new Float32Array([1, 2, 3, 4, 5])
    const set = network.setTensors('weights', [{ name: 'head.bias', shape: [5], data }])
    data.fill(0)
    await set
    expect((await weightsOf(network))['head.bias']).toEqual([1, 2, 3, 4, 5])
  })
})

describe('counters', () => {
  it('count updates and batches', async () => {
    const network = await create()
    expect(network.getCounters()).toEqual({ steps: 0, batches: 0 })
    for (const index of [0, 1]) {
      await network.trainStep(tinyBatch(), tinyLabels(), { ...step, accumulate: { index, count: 2 } })
    }
    expect(network.getCounters()).toEqual({ steps: 1, batches: 2 })
  })

  it('are set at once on an idle network', async () => {
    const network = await create()
    network.setCounters({ steps: 30, batches: 40 })
    expect(network.getCounters()).toEqual({ steps: 30, batches: 40 })
    await network.trainStep(tinyBatch(), tinyLabels(), step)
    expect(network.getCounters()).toEqual({ steps: 31, batches: 41 })
  })

  it('are set in their turn between calls', async () => {
    const network = await create()
    const before = network.trainStep(tinyBatch(), tinyLabels(), step)
    network.setCounters({ steps: 100, batches: 200 })
    const after = network.trainStep(tinyBatch(), tinyLabels(), step)
    await Promise.all([before, after])
    expect(network.getCounters()).toEqual({ steps: 101, batches: 201 })
  })
})

it('a CPU scales no loss, has nothing to say of it, and keeps no batches', async () => {
  const network = await create()
  await network.setLossScale({ scale: 4, growing: 0, skipped: 0 })
  await network.trainStep(tinyBatch(), tinyLabels(), step)
  expect(await network.getLossScale()).toBeUndefined()
  expect(network.notice).toBe('')
  expect(network.memory().batches).toBe(0)
})

describe('dispose', () => {
  it('lets the call under way end and refuses those behind it', async () => {
    const network = await create()
    const calls = [
      network.trainStep(tinyBatch(), tinyLabels(), step),
      network.forward(tinyBatch(), evalForward),
      network.getTensors('weights'),
      network.setTensors('weights', []),
      network.plan(1, 'eval'),
    ]
    network.setCounters({ steps: 1, batches: 1 })
    network.dispose()
    const [first, ...others] = await Promise.allSettled(calls)
    expect(first?.status).toBe('fulfilled')
    expect(others).toEqual(others.map(() => ({ status: 'rejected', reason: disposed })))
  })

  it('refuses every later call', async () => {
    const network = await create()
    network.dispose()
    network.dispose()
    await expect(network.forward(tinyBatch(), evalForward)).rejects.toEqual(disposed)
    await expect(network.trainStep(tinyBatch(), tinyLabels(), step)).rejects.toEqual(disposed)
    await expect(network.getTensors('weights')).rejects.toEqual(disposed)
    await expect(network.setTensors('weights', [])).rejects.toEqual(disposed)
    await expect(network.plan(1, 'eval')).rejects.toEqual(disposed)
    expect(() => network.memory()).toThrowError(disposed)
    expect(() => network.getCounters()).toThrowError(disposed)
    expect(() => network.setCounters({ steps: 0, batches: 0 })).toThrowError(disposed)
  })

  it('called by a getter of an argument refuses that call', async () => {
    const network = await create()
    const batch = tinyBatch()
    const trap = {
      data: batch.data,
      shape: batch.shape,
      get layout() {
        network.dispose()
        return 'nchw' as const
      },
    }
    await expect(network.forward(trap, evalForward)).rejects.toEqual(disposed)
  })
})
