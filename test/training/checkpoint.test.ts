import { open, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GoogLeNet } from '../../lib/network.js'
import {
  checkSameTraining,
  findCheckpoint,
  lastCheckpoint,
  listCheckpoints,
  nameCheckpoint,
  readCheckpoint,
  writeCheckpoint,
} from '../../lib/training/checkpoint.js'
import { beginTraining, type Setup } from '../../lib/training/state.js'
import { writeCheckpointFile } from '../../lib/weights/modelFile.js'
import { temporaryFolder } from '../data/pictures.js'
import { digest, smallNet } from './small.js'

const folder = await temporaryFolder()
const setup: Setup = { batchSize: 4, accumulate: 1, seed: 1, samples: 10, classes: ['a', 'b'] }
let net: GoogLeNet
beforeAll(async () => {
  net = await smallNet(['a', 'b'])
})
afterAll(() => net.dispose())

async function write(path: string, epoch = 0): Promise<string> {
  const state = { ...beginTraining(setup), epoch }
  await writeCheckpoint({ path, options: net.options, snapshot: await net.snapshot(), state })
  return path
}

test('a checkpoint keeps the network and the state of the training', async () => {
  const path = await write(join(folder, 'whole.safetensors'), 7)
  const { snapshot, state } = await readCheckpoint(path)
  expect(digest(snapshot)).toEqual(digest(await net.snapshot()))
  expect(state).toEqual({ ...beginTraining(setup), epoch: 7 })
})

describe('refused is', () => {
  test.each<[string, unknown, RegExp]>([
    ['a later version', { version: 2, ...beginTraining(setup) }, /its version is 2, .* knows 1; go on with/],
    ['no version', beginTraining(setup), /its version is undefined/],
    ['no state at all', undefined, /its version is undefined/],
    ['a negative epoch', { version: 1, ...beginTraining(setup), epoch: -1 }, /damaged/],
    ['a position that is no number', { version: 1, ...beginTraining(setup), position: null }, /damaged/],
    ['sums that are missing', { version: 1, ...beginTraining(setup), epochSums: undefined }, /damaged/],
    ['no history', { version: 1, ...beginTraining(setup), epochs: 'none' }, /damaged/],
    ['no setup', { version: 1, ...beginTraining(setup), setup: null }, /damaged/],
  ])('%s', async (_, training, message) => {
    const path = join(folder, 'odd.safetensors')
    await writeCheckpointFile(path, { options: net.options, snapshot: await net.snapshot(), training })
    await expect(findCheckpoint(path)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_CHECKPOINT',
      message: expect.stringMatching(message),
    })
  })

  test('a file of weights', async () => {
    const path = join(folder, 'weights.safetensors')
    await net.save(path)
    await expect(findCheckpoint(path)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_CHECKPOINT',
      message: expect.stringMatching(/holds weights alone/),
    })
  })

  test('what is not there', async () => {
    await expect(findCheckpoint(join(folder, 'none'))).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_CHECKPOINT',
      message: expect.stringMatching(/none: .*ENOENT/),
    })
  })
})

describe("a run's folder", async () => {
  const run = await temporaryFolder()

  test('without checkpoints has none to go on from', async () => {
    expect(await listCheckpoints(join(run, 'none'))).toEqual([])
    await expect(lastCheckpoint(run)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_CHECKPOINT',
      message: expect.stringMatching(/holds no checkpoint/),
    })
  })

  test('gives the newest that can be read, and says what is wrong with newer ones', async () => {
    const steps = [9, 10, 100, 123_456_789]
    const paths = steps.map((step) => join(run, nameCheckpoint(step)))
    for (const path of paths) await write(path)
    await writeFile(join(run, 'checkpoint-1.safetensors'), 'of another kind')
    expect(await listCheckpoints(run)).toEqual(steps.map((step, i) => ({ step, path: paths[i] })))
    expect(await lastCheckpoint(run)).toBe(paths[3])
    await truncate(paths[3]!, 1000)
    await writeFile(paths[2]!, '')
    const { checkpoint, passedOver } = await findCheckpoint(run)
    expect(checkpoint.path).toBe(paths[1])
    expect(passedOver.map(({ path }) => path)).toEqual([paths[3], paths[2]])
    expect(passedOver[0]!.reason).toMatch(/cut short/)
    // One bit anywhere, or pages that never reached the disk: the one before is taken.
    const { size } = await stat(paths[1]!)
    for (const place of [0.013, 0.41, 0.77, 0.9999]) {
      for (const damage of [Buffer.of(0), Buffer.alloc(4096)]) {
        const file = await open(paths[1]!, 'r+')
        const at = Math.floor(place * size)
        const length = Math.min(damage.length, size - at)
        const good = (await file.read(Buffer.alloc(length), 0, length, at)).buffer
        const bad = length === 1 ? Buffer.of(good[0]! ^ 4) : damage.subarray(0, length)
        await file.write(bad, 0, length, at)
        const found = await findCheckpoint(run)
        expect(found.checkpoint.path).toBe(paths[0])
        expect(found.passedOver.at(-1)!.reason).toMatch(/checksum/)
        await file.write(good, 0, length, at)
        await file.close()
      }
    }
    expect(await lastCheckpoint(run)).toBe(paths[1])
    await writeFile(paths[1]!, '')
    await writeFile(paths[0]!, '')
    await expect(lastCheckpoint(run)).rejects.toMatchObject({ code: 'ERR_GOOGLENET_CHECKPOINT' })
  })
})

describe('going on with another training is refused, naming all that differs', () => {
  test.each<[string, Partial<Setup>, RegExp]>([
    ['batch size', { batchSize: 8 }, /batchSize 4 there, 8 here/],
    ['accumulation', { accumulate: 2 }, /accumulate 1 there, 2 here/],
    ['seed', { seed: 2 }, /seed 1 there, 2 here/],
    ['number of pictures', { samples: 11 }, /number of training pictures 10 there, 11 here/],
    ['classes', { classes: ['a', 'c'] }, /the classes \["a","b"\] there, \["a","c"\] here/],
    ['more', { seed: 2, samples: 11 }, /seed 1 there, 2 here; the number of training pictures 10/],
  ])('%s', async (_, change, message) => {
    const checkpoint = await readCheckpoint(await write(join(folder, 'one.safetensors')))
    expect(() => checkSameTraining(checkpoint, net, setup)).not.toThrow()
    expect(() => checkSameTraining(checkpoint, net, { ...setup, ...change })).toThrowError(
      expect.objectContaining({ code: 'ERR_GOOGLENET_CHECKPOINT', message: expect.stringMatching(message) }),
    )
  })

  test('network', async () => {
    const checkpoint = await readCheckpoint(await write(join(folder, 'one.safetensors')))
    using other = await smallNet(['a', 'c'], { imageSize: 65, seed: 3 })
    expect(() => checkSameTraining(checkpoint, other, setup)).toThrowError(
      /the network's imageSize 64 there, 65 here; the network's seed 1 there, 3 here; the network's labels/,
    )
  })
})
