import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { GoogLeNet } from '../../lib/index.js'
import { binding } from '../../lib/native.js'
import { packageRoot } from '../../lib/packageRoot.js'
import { create, size } from './helpers.js'

const emoji = (path: string) => join(packageRoot, 'data', 'emoji', 'train', path)
const pictures = ['animal/1F400.jpg', 'building/1F3D8-FE0F.jpg', 'clock/1F550.jpg', 'clothing/1F392.jpg'].map(
  emoji,
)
const classes = ['animal', 'building', 'clock', 'clothing']

/** The pictures as `classify` sees them. */
async function pixels() {
  const loader = new binding.Loader({ threads: 1, channels: 3 })
  const resize = Math.round((size * 256) / 224)
  const asked = pictures.map((source, index) => ({ source, index }))
  const { data } = await loader.decode(asked, { kind: 'eval', size, resize })
  loader.dispose()
  return { data, shape: [pictures.length, 3, size, size], layout: 'nhwc' } as const
}

describe('classify', () => {
  it('names what the network was taught', async () => {
    using net = await create({ classes, auxDropout: 0 })
    const images = await pixels()
    for (let i = 0; i < 25; i++) {
      await net.trainStep(images, Int32Array.of(0, 1, 2, 3), { learningRate: 0.005, momentum: 0.9 })
    }
    // The running statistics follow the batch's only slowly.
    for (let i = 0; i < 50; i++) await net.forward(images, { mode: 'train' })
    const answers = await net.classify(pictures, { top: 1 })
    expect(answers.map(([best]) => best!.label)).toEqual(classes)
  })

  it('gives the softmax of the logits, the most probable first', async () => {
    using net = await create({ classes, seed: 2 })
    const { logits } = await net.forward(await pixels())
    const answers = await net.classify(pictures, { top: 10 })
    expect(answers).toHaveLength(pictures.length)
    for (const [i, answer] of answers.entries()) {
      const row = [...logits.data.subarray(i * classes.length, (i + 1) * classes.length)]
      const sum = row.reduce((total, logit) => total + Math.exp(logit), 0)
      expect(answer.map(({ index }) => index).sort()).toEqual([0, 1, 2, 3])
      for (const { label, index, probability } of answer) {
        expect(label).toBe(classes[index])
        expect(probability).toBeCloseTo(Math.exp(row[index]!) / sum, 5)
      }
      const probabilities = answer.map(({ probability }) => probability)
      expect(probabilities).toEqual(probabilities.toSorted((a, b) => b - a))
    }
  })

  it('takes a path or bytes, one or many, the same way', async () => {
    using net = await create({ classes })
    const path = pictures[0]!
    const alone = await net.classify(path)
    expect(await net.classify(await readFile(path))).toEqual(alone)
    expect(await net.classify([path])).toEqual([alone])
    expect(await net.classify([])).toEqual([])
    expect(await net.classify(path, { resize: 200 })).not.toEqual(alone)
  })

  it('sees grey pictures where the network has one channel', async () => {
    using net = await create({ classes: 2, channels: 1 })
    await expect(net.classify(pictures[0]!)).resolves.toHaveLength(2)
    using five = await create({ channels: 5 })
    await expect(five.classify(pictures[0]!)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_OPTION',
      message: expect.stringContaining('the network takes 5'),
    })
  })

  it('names the picture that cannot be read', async () => {
    using net = await create({ classes })
    const unreadable = { code: 'ERR_GOOGLENET_PICTURE' }
    await expect(net.classify([pictures[0]!, 'missing.jpg'])).rejects.toMatchObject({
      ...unreadable,
      message: expect.stringContaining('the picture missing.jpg cannot be read'),
    })
    await expect(net.classify(Buffer.from('no picture'))).rejects.toMatchObject({
      ...unreadable,
      message: expect.stringContaining('the picture at 0 (Buffer(10)) cannot be read'),
    })
    await expect(net.classify('')).rejects.toMatchObject(unreadable)
    await expect(net.classify(5 as never)).rejects.toMatchObject({ code: 'ERR_GOOGLENET_DTYPE' })
    await expect(net.classify(pictures[0]!, { top: 0 })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_OPTION',
    })
  })

  it('answers with the average of the weights when asked to', async () => {
    using net = await create({ classes })
    const images = await pixels()
    const step = { learningRate: 0.1, averageDecay: 0.9 }
    for (let i = 0; i < 3; i++) await net.trainStep(images, Int32Array.of(0, 1, 2, 3), step)
    const averaged = await net.classify(pictures[0]!, { weights: 'average' })
    expect(averaged).not.toEqual(await net.classify(pictures[0]!))
    using untrained = await create({ classes })
    await expect(untrained.classify(pictures[0]!, { weights: 'average' })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_OPTION',
    })
  })
})

describe('a network that was saved', () => {
  it('classifies the same way, with its labels', async () => {
    using net = await create({ classes, seed: 3 })
    const folder = await mkdtemp(join(tmpdir(), 'pictures-'))
    const path = join(folder, 'net.safetensors')
    await net.save(path)
    using opened = await GoogLeNet.open(path, { device: 'cpu', threads: 1 })
    await rm(folder, { recursive: true })
    expect(await opened.classify(pictures)).toEqual(await net.classify(pictures))
  })
})
