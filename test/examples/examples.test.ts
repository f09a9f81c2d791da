import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GoogLeNet } from '../../lib/index.js'
import { copyPictures, remove, temporaryFolder } from '../cli/command.js'
import { startExample } from './run.js'

const classes = ['clock', 'flag', 'plant']
let folder = ''
let pictures = ''
let model = ''
beforeAll(async () => {
  folder = await temporaryFolder()
  pictures = join(folder, 'pictures')
  model = join(folder, 'model.safetensors')
  await copyPictures(pictures, classes, 12)
  const net = await GoogLeNet.create({ classes, imageSize: 64, seed: 3 })
  await net.save(model)
  net.dispose()
})
afterAll(() => remove(folder))

describe('classify-folder', () => {
  test('prints what the package answers, names broken pictures and goes on', async () => {
    const flags = join(pictures, 'flag')
    const names = (await readdir(flags)).sort()
    for (const name of ['broken.jpg', 'empty.png'])
      await writeFile(join(flags, name), name === 'empty.png' ? '' : 'no picture')
    const { code, stdout, stderr } = await startExample('classify-folder.ts', [model, flags]).ended
    for (const name of ['broken.jpg', 'empty.png']) await remove(join(flags, name))
    expect(code).toBe(1)
    expect(stdout).toContain(`${names.length} pictures, 2 broken`)
    expect(stderr).toContain('broken.jpg')
    expect(stderr).toContain('empty.png')

    const net = await GoogLeNet.open(model)
    const expected = await net.classify(names.map((name) => join(flags, name)))
    net.dispose()
    for (const [i, name] of names.entries()) {
      const line = stdout.split('\n').find((one) => one.startsWith(name))
      const { label, probability } = expected[i]![0]!
      const [, shown, shownLabel] = line!.match(/ ([\d.]+) % {2}(\w+)/)!
      expect(Math.abs(Number(shown) - 100 * probability)).toBeLessThan(0.11)
      expect(shownLabel).toBe(label)
    }
  })
})

describe('train-own-pictures', () => {
  const quick = ['--batch-size', '11', '--image-size', '64']

  test('stops at Ctrl-C with a checkpoint, and goes on from it to the end', async () => {
    const run = join(folder, 'run')
    const first = startExample('train-own-pictures.ts', [pictures, run, '--epochs', '500', ...quick])
    await first.shows('epoch 1: ')
    first.child.kill('SIGINT')
    const stopped = await first.ended
    expect(stopped).toMatchObject({ code: 130 })
    expect(stopped.stdout).toContain('the same command goes on')
    const epochs = stopped.stdout.match(/^epoch /gm)!.length
    const checkpoints = (await readdir(run)).filter((name) => name.startsWith('checkpoint-')).sort()
    const step = Number(checkpoints.at(-1)!.match(/\d+/)![0])

    const more = ['--epochs', String(epochs + 1), ...quick]
    const second = await startExample('train-own-pictures.ts', [pictures, run, ...more]).ended
    expect(second).toMatchObject({ code: 0 })
    expect(second.stdout).toContain(`going on from step ${step}: 33 pictures, 3 to validate on`)
    expect(second.stdout).toContain(`epoch ${epochs + 1}: `)
    expect(second.stdout).toContain('best.safetensors')
    const net = await GoogLeNet.open(run)
    expect(net.options.labels).toEqual(classes)
    net.dispose()
  })
})

describe('fine-tune', () => {
  test('takes all over but the last layers, and saves a network of the new classes', async () => {
    const others = join(folder, 'others')
    await copyPictures(others, ['food', 'vehicle'], 10)
    const out = join(folder, 'tuned.safetensors')
    const args = [model, others, out, '--epochs', '1', '--batch-size', '8']
    const { code, stdout, stderr } = await startExample('fine-tune.ts', args).ended
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(stdout).toContain('3 classes before, 2 now')
    const heads = ['fc', 'aux_fc1.fc.3', 'aux_fc2.fc.3']
    const fresh = heads.flatMap((head) => [`${head}.weight`, `${head}.bias`])
    expect(
      stdout
        .match(/new: (.*)/)![1]!
        .split(', ')
        .sort(),
    ).toEqual(fresh.sort())
    expect(stdout).toMatch(/^top-1 [\d.]+ % of 4 pictures/m)
    const net = await GoogLeNet.open(out)
    expect(net.options).toMatchObject({ labels: ['food', 'vehicle'], imageSize: 64 })
    net.dispose()
  })
})

describe('inception-walk', () => {
  // Table 1 of the paper: module 3a has 159 K weights and 128 M operations.
  test("shows the paper's figures, and where each branch lies in the concat", async () => {
    const { code, stdout, stderr } = await startExample('inception-walk.ts', []).ended
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(stdout).toContain('input 192x28x28')
    expect(stdout).toContain('together 128.0 M MACs')
    const [, without, reduced] = stdout.match(/weights (\d+), and with the reductions (\d+)/)!
    expect(Math.floor(Number(reduced) / 1024)).toBe(159)
    expect(Number(without)).toBe(192 * (64 + 9 * 128 + 25 * 32))
    const parts = [...stdout.matchAll(/^channels (\d+) to (\d+): /gm)].map(([, from, to]) => [+from!, +to!])
    expect(parts.sort((a, b) => a[0]! - b[0]!)).toEqual([
      [0, 63],
      [64, 191],
      [192, 223],
      [224, 255],
    ])
  })

  test('names a module that is not there', async () => {
    const { code, stderr } = await startExample('inception-walk.ts', ['inception_branch_z9', '64']).ended
    expect(code).toBe(1)
    expect(stderr).toContain('there is no module inception_branch_z9')
  })
})

test.each(['classify-folder.ts', 'train-own-pictures.ts', 'fine-tune.ts', 'service/main.ts'])(
  '%s says how it is called',
  async (name) => {
    const { code, stderr } = await startExample(name, []).ended
    expect(code).toBe(2)
    expect(stderr).toContain(`usage: ${name.split('/').at(-1)} <`)
  },
)
