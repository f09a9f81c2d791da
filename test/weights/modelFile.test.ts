import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkModelOptions } from '../../lib/options.js'
import type { Snapshot, StateDict } from '../../lib/tensors.js'
import {
  findModelFile,
  readModelFile,
  writeCheckpointFile,
  writeWeightsFile,
} from '../../lib/weights/modelFile.js'
import { readSafetensors, writeSafetensors } from '../../lib/weights/safetensors.js'

let folder: string
let path: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'model-file-'))
  path = join(folder, 'model.safetensors')
})
afterAll(() => rm(folder, { recursive: true }))

const options = checkModelOptions({ classes: ['cat', 'dog "x"'], imageSize: 65, reduction4d: 144, seed: 3 })
const dict = (...values: number[]): StateDict =>
  new Map(
    ['bn.weight', 'bn.running_mean'].map((name) => [
      name,
      { shape: [values.length], data: Float32Array.from(values) },
    ]),
  )
const snapshot: Snapshot = {
  weights: dict(1, 2),
  momentum: new Map([['bn.weight', { shape: [1], data: Float32Array.of(3) }]]),
  average: dict(4, 5),
  counters: { steps: 12, batches: 34 },
}

describe('a file of weights', () => {
  it('keeps the weights and the options', async () => {
    await writeWeightsFile(path, { options, weights: dict(1, 2), batches: 5 })
    await expect(readModelFile(path)).resolves.toEqual({ kind: 'weights', options, weights: dict(1, 2) })
  })

  it("counts each BatchNorm's batches for PyTorch", async () => {
    await writeWeightsFile(path, { options, weights: dict(1), batches: 5 })
    const { tensors } = await readSafetensors(path)
    expect([...tensors.keys()].sort()).toEqual(['bn.num_batches_tracked', 'bn.running_mean', 'bn.weight'])
    expect(tensors.get('bn.num_batches_tracked')).toEqual({ shape: [], data: BigInt64Array.of(5n) })
  })

  it('keeps nothing of where the network ran', async () => {
    await writeWeightsFile(path, {
      options: { ...options, device: 'cpu', threads: 7 } as typeof options,
      weights: dict(1),
      batches: 0,
    })
    const { metadata } = await readSafetensors(path)
    expect(Object.keys(metadata)).toEqual(['googlenet'])
    expect(metadata.googlenet).not.toMatch(/device|threads/)
  })

  it('from elsewhere has no options', async () => {
    await writeSafetensors(path, dict(1), { format: 'pt' })
    await expect(readModelFile(path)).resolves.toEqual({ kind: 'weights', weights: dict(1) })
  })

  it('may hold 64-bit integers for batch counts alone', async () => {
    await writeSafetensors(path, new Map([['fc.bias', { shape: [1], data: BigInt64Array.of(1n) }]]))
    await expect(readModelFile(path)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_WEIGHTS_FORMAT',
      message: expect.stringContaining('tensor "fc.bias" has dtype I64'),
    })
  })
})

describe('a checkpoint', () => {
  it('keeps all of the training state', async () => {
    const training = { epoch: 3, position: 4, history: [{ loss: 0.5 }, null] }
    await writeCheckpointFile(path, { options, snapshot, training })
    await expect(readModelFile(path)).resolves.toEqual({ kind: 'checkpoint', options, snapshot, training })
  })

  it('lacks what was not there', async () => {
    const first: Snapshot = { weights: dict(1), counters: { steps: 0, batches: 0 } }
    await writeCheckpointFile(path, { options, snapshot: first, training: {} })
    await expect(readModelFile(path)).resolves.toMatchObject({ snapshot: first })
  })

  it('keeps the loss scale of fp16', async () => {
    const scaled = { ...snapshot, lossScale: { scale: 4096, growing: 1999, skipped: 3 } }
    await writeCheckpointFile(path, { options, snapshot: scaled, training: {} })
    await expect(readModelFile(path)).resolves.toMatchObject({ snapshot: scaled })
  })

  it('without counters, or with tensors of unknown use, is refused', async () => {
    const tensors = new Map([['weights.a', { shape: [1], data: Float32Array.of(1) }]])
    await writeSafetensors(path, tensors)
    await expect(readModelFile(path)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_WEIGHTS_FORMAT',
      message: expect.stringContaining('without its counters'),
    })
    const { metadata } = await writeCheckpointFile(path, { options, snapshot, training: {} }).then(() =>
      readSafetensors(path),
    )
    tensors.set('velocity.a', { shape: [1], data: Float32Array.of(1) })
    await writeSafetensors(path, tensors, metadata)
    await expect(readModelFile(path)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_WEIGHTS_FORMAT',
      message: expect.stringContaining('"velocity.a" belongs to none of'),
    })
  })
})

describe('metadata', () => {
  const good = { format: 1, options }
  it.each<[string, string, RegExp]>([
    ['that is no JSON', '{', /JSON/],
    ['that is null', 'null', /format is undefined/],
    ['of a later format', JSON.stringify({ ...good, format: 2 }), /format is 2, this version .* reads 1/],
    ['without options', JSON.stringify({ format: 1 }), /no labels/],
    [
      'with a wrong option',
      JSON.stringify({ ...good, options: { ...options, imageSize: 5 } }),
      /imageSize must be/,
    ],
    [
      'with a wrong variant',
      JSON.stringify({ ...good, options: { ...options, variant: 'x' } }),
      /variant must be/,
    ],
    [
      'with labels that repeat',
      JSON.stringify({ ...good, options: { ...options, labels: ['a', 'a'] } }),
      /twice/,
    ],
    [
      'with wrong counters',
      JSON.stringify({ ...good, counters: { steps: -1, batches: 0 } }),
      /steps must be/,
    ],
    [
      'with a wrong loss scale',
      JSON.stringify({ ...good, counters: { steps: 0, batches: 0 }, lossScale: { scale: 0 } }),
      /lossScale.scale must be/,
    ],
  ])('%s is refused', async (_, googlenet, message) => {
    await writeSafetensors(path, dict(1), { googlenet })
    await expect(readModelFile(path)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_WEIGHTS_FORMAT',
      message: expect.stringMatching(message),
    })
  })
})

describe('the file of a path', () => {
  it("is a run folder's best weights, and otherwise the path", async () => {
    const run = join(folder, 'run')
    await mkdir(run)
    await expect(findModelFile(run)).resolves.toBe(join(run, 'best.safetensors'))
    await expect(findModelFile(path)).resolves.toBe(path)
    await expect(findModelFile('missing')).resolves.toBe('missing')
  })
})
