/** The device that was found, and what a user is told of it; the native network is played. */
import { afterEach, expect, it, vi } from 'vitest'
import type { NetworkOptions } from '../../binding.js'

const create = vi.fn()
vi.mock('../../lib/native.js', () => ({ binding: { Network: { create } } }))

const { GoogLeNet } = await import('../../lib/network.js')
afterEach(() => vi.restoreAllMocks())

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
