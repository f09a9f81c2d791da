/**
 * A GPU is never without work: runs are begun while the one before them goes on, whoever calls. The package and the
 * addon are the real ones, the GPU is that of stubs/waiting.cpp, which says of each run whether it was so.
 */
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { GoogLeNet } from '../../lib/network.js'
import { packageRoot, packageVersion } from '../../lib/packageRoot.js'
import { placeClasses, temporaryFolder } from '../data/pictures.js'
import { addonMissing, copyAddon } from './libraries.js'
import { gxx } from './toolkit.js'

const folder = await temporaryFolder()

async function buildModule(out: string): Promise<void> {
  const sources = ['test/cuda/stubs/waiting.cpp', 'native/backends/backend.cpp']
  const version = `-DGOOGLENET_VERSION="${packageVersion}"`
  const flags = ['-std=c++20', '-shared', '-fPIC', '-O1', '-Wall', '-Wextra', '-Werror', '-Inative', version]
  await promisify(execFile)(gxx!, [...flags, ...sources, '-o', out], { cwd: packageRoot })
}

vi.mock('../../lib/native.js', async () => {
  const addon = copyAddon(join(folder, 'addon'))
  await buildModule(join(folder, 'addon/googlenet-cuda.so'))
  return { binding: createRequire(import.meta.url)(addon) }
})

const size = 64
const imageBytes = 3 * size * size
const sum = (pixels: Iterable<number>) => [...pixels].reduce((total, pixel) => total + pixel, 0)

describe('on a GPU', () => {
  if (addonMissing) return it.skip(addonMissing)
  if (gxx === undefined) return it.skip('no g++')
  let net: GoogLeNet
  /** Of each forward pass or step of `net`, in their order: whether it overlapped, and whether its images came so. */
  const runs: { overlaps: number; pageLocked: number; sums: number[]; given: number[] }[] = []
  beforeAll(async () => {
    const { GoogLeNet } = await import('../../lib/network.js')
    net = await GoogLeNet.create({ classes: ['a', 'b', 'c'], imageSize: size, aux: false, device: 'cuda' })
    expect(net.options.device).toBe('cuda:0')
    await placeClasses(join(folder, 'data/train'), { a: 6, b: 6, c: 4 })
    await placeClasses(join(folder, 'data/val'), { a: 4, b: 4, c: 8 })

    const { forward, trainStep } = net
    net.forward = async (images, options) => {
      const given = Array.from({ length: images.shape[0]! }, (_, i) =>
        sum(images.data.subarray(i * imageBytes, (i + 1) * imageBytes)),
      )
      const result = await forward.call(net, images, options)
      const { data } = result.logits
      const sums = given.map((_, i) => data[i * 3 + 2]!)
      runs.push({ overlaps: data[0]!, pageLocked: data[1]!, sums, given })
      return result
    }
    net.trainStep = async (images, labels, options) => {
      const given = [sum(images.data)]
      const metrics = await trainStep.call(net, images, labels, options)
      runs.push({ overlaps: metrics.loss, pageLocked: metrics.top1, sums: [metrics.top5], given })
      return metrics
    }
  }, 120_000)
  afterAll(() => net.dispose())

  const batch = (value: number) => {
    const data = new Uint8Array(2 * imageBytes).map((_, i) => i * value)
    return { data, shape: [2, 3, size, size], layout: 'nhwc' } as const
  }

  /** What was true of every run of some work. */
  async function seen(work: () => Promise<unknown>) {
    runs.length = 0
    await work()
    for (const { sums, given } of runs) expect(sums).toEqual(given)
    return {
      count: runs.length,
      overlaps: runs.reduce((total, run) => total + run.overlaps, 0),
      pageLocked: new Set(runs.map(({ pageLocked }) => pageLocked)),
    }
  }
  /** The first runs come before JavaScript has made more calls, and on a busy machine it may be late once. */
  const overlapping = (count: number) => ({
    count,
    overlaps: expect.toSatisfy((runs: number) => runs >= count / 2),
    pageLocked: new Set([1]),
  })

  it('forward passes that are asked for together overlap', async () => {
    const work = () => Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map((i) => net.forward(batch(i))))
    expect(await seen(work)).toEqual(overlapping(8))
  })

  it('so do steps', async () => {
    const labels = Int32Array.of(0, 1)
    const step = (i: number) => net.trainStep(batch(i), labels, { learningRate: 0.1 })
    expect(await seen(() => Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(step)))).toEqual(overlapping(8))
  })

  it('so do those of a training, of batches that the loader lent', async () => {
    const { ImageFolder } = await import('../../lib/data/imageFolder.js')
    const { train } = await import('../../lib/training/train.js')
    const set = await ImageFolder.open(join(folder, 'data'))
    const data = { ...set, validation: { ...set.validation, length: 0 } }
    const work = async () => {
      for await (const _ of train(net, data, { epochs: 1, batchSize: 2, loaderThreads: 1 })) {
      }
    }
    expect(await seen(work)).toEqual(overlapping(8))
  })

  it('so do those of an evaluation', async () => {
    const { ImageFolder } = await import('../../lib/data/imageFolder.js')
    const { evaluate } = await import('../../lib/training/evaluate.js')
    const { validation } = await ImageFolder.open(join(folder, 'data'))
    const work = () => evaluate(net, validation, { batchSize: 2, loaderThreads: 1 })
    expect(await seen(work)).toEqual(overlapping(8))
  })

  it('so do those that bench counts, but for a batch of one', async () => {
    const { stepsPerSecond } = await import('../../lib/cli/bench.js')
    const { stepsAtOnce } = await import('../../lib/options.js')
    const { signal } = new AbortController()
    const work = (atOnce: number) => () => stepsPerSecond(() => net.forward(batch(3)), atOnce, 0.6, signal)
    const together = await seen(work(stepsAtOnce(net.options.device)))
    expect(together).toEqual(overlapping(together.count))
    expect((await seen(work(1))).overlaps).toBe(0)
  })
})
