/** The device that was found, and what a user is told of it; the native network is played. */
import { afterEach, expect, it, vi } from 'vitest'
import type { NetworkOptions, TensorSet } from '../../binding.js'
import { trace } from '../../lib/models/shapes.js'
import { checkModelOptions, defineNetwork } from '../../lib/options.js'
import { elementCount } from '../../lib/tensors.js'

const create = vi.fn()
vi.mock('../../lib/native.js', () => ({ binding: { Network: { create } } }))

const { GoogLeNet } = await import('../../lib/network.js')
afterEach(() => vi.restoreAllMocks())

/** Of a network with options that are not said. */
const tensors = () =>
  trace(defineNetwork(checkModelOptions({})))
    .flatMap(({ parameters }) => parameters)
    .map(({ name, shape }) => ({ name, shape, data: new Float32Array(elementCount(shape)) }))

it('the options have the device that was found', async () => {
  create.mockResolvedValueOnce({ device: 'cuda:1', passedOver: '', dispose: () => {} })
  const net = await GoogLeNet.create({ device: 'cuda:1', tf32: true, tune: true, planCache: '/tmp/plans' })
  expect(net.options.device).toBe('cuda:1')
  expect(create.mock.lastCall![1] satisfies NetworkOptions).toMatchObject({
    device: 'cuda:1',
    tf32: true,
    deterministic: false,
    tune: true,
    planCache: '/tmp/plans',
  })
})

it('a GPU that auto passes over is told of, once', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  create.mockResolvedValue({ device: 'cpu', passedOver: 'libcudnn.so.9 was not found', dispose: () => {} })
  for (let i = 0; i < 3; i++) expect((await GoogLeNet.create()).options.device).toBe('cpu')
  expect(warn).toHaveBeenCalledTimes(1)
  expect(warn.mock.lastCall![0]).toMatch(/CPU although there is a GPU: libcudnn\.so\.9 was not found/)
})

it('nothing is told where there is no GPU', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  create.mockResolvedValue({ device: 'cpu', passedOver: '', dispose: () => {} })
  await GoogLeNet.create({ device: 'auto' })
  expect(warn).not.toHaveBeenCalled()
})

it('what a network finds out while it runs is told, once', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const native = { device: 'cuda:0', passedOver: '', notice: '', plan: async () => 'a plan' }
  create.mockResolvedValue(native)
  const net = await GoogLeNet.create({ device: 'cuda' })
  await net.plan(1, 'eval')
  expect(warn).not.toHaveBeenCalled()
  native.notice = 'a CUDA graph could not be recorded'
  for (let i = 0; i < 3; i++) expect(await net.plan(1, 'eval')).toBe('a plan')
  expect(warn.mock.calls).toEqual([['a CUDA graph could not be recorded', 'GoogLeNetWarning']])
})

it("the loss scale of fp16 is part of the network's snapshots", async () => {
  const scale = { scale: 4096, growing: 17, skipped: 2 }
  const native = {
    device: 'cuda:0',
    passedOver: '',
    notice: '',
    getTensors: async (set: TensorSet) => (set === 'weights' ? tensors() : []),
    getCounters: () => ({ steps: 3, batches: 3 }),
    getLossScale: async () => scale,
    setLossScale: vi.fn(async () => {}),
    setTensors: async () => {},
    setCounters: () => {},
    memory: () => ({ momentum: 0, average: 0 }),
  }
  create.mockResolvedValue(native)
  const net = await GoogLeNet.create({ device: 'cuda', precision: 'fp16' })
  const snapshot = await net.snapshot()
  expect(snapshot.lossScale).toEqual(scale)
  await net.restore(snapshot)
  expect(native.setLossScale).toHaveBeenCalledWith(scale)
})
