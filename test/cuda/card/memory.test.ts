/** The card's memory: too little of it, two networks in it, and none of it lost. */
import { describe, expect, it } from 'vitest'
import type { GoogLeNet } from '../../../lib/index.js'
import { binding } from '../../../lib/native.js'
import { cardTargets } from '../../conformance/targets.js'
import { differing, labels, waves } from '../../network/helpers.js'
import { createOnCard, losses, sgd, train } from './card.js'

const { missing } = cardTargets.find(({ precision }) => precision === 'bf16')!
const precision = 'bf16'

const card = () => binding.system().cuda.cards[0]!

describe('on cuda', () => {
  if (missing) return it.skip(missing)

  it('a batch that does not fit says what was wanted, and the network goes on', async () => {
    // Large images: few of them fill the card.
    using net = await createOnCard({ precision, deterministic: true, imageSize: 448 })
    const { imageSize } = net.options
    let batch = 64
    while ((await net.plan(batch, 'train')).arenaBytes < 1.2 * card().memory) batch *= 2
    const images = {
      data: new Uint8Array(batch * 3 * imageSize ** 2),
      shape: [batch, 3, imageSize, imageSize],
    }
    const step = net.trainStep(images, new Int32Array(batch), sgd)
    await expect(step).rejects.toMatchObject({ code: 'ERR_GOOGLENET_MEMORY' })
    await expect(step).rejects.toThrow(/\d.*batch/)

    using other = await createOnCard({ precision, deterministic: true, imageSize })
    const few = { data: images.data.slice(0, 2 * 3 * imageSize ** 2), shape: [2, 3, imageSize, imageSize] }
    const loss = async (one: GoogLeNet) => (await one.trainStep(few, new Int32Array(2), sgd)).loss
    expect(await loss(net)).toBe(await loss(other))
  })

  it('two networks at once compute what each does alone', async () => {
    const seeds = [5, 6]
    const alone: number[][] = []
    for (const seed of seeds) {
      using net = await createOnCard({ precision, deterministic: true, seed })
      alone.push(await losses(net, 6))
    }
    const nets = await Promise.all(
      seeds.map((seed) => createOnCard({ precision, deterministic: true, seed })),
    )
    expect(await Promise.all(nets.map((net) => losses(net, 6)))).toEqual(alone)
    for (const net of nets) net.dispose()
  })

  it('a disposed network gives its memory back', async () => {
    await (async () => {
      using net = await createOnCard({ precision })
      await train(net, 0)
    })()
    const before = card().free
    for (let i = 0; i < 5; i++) {
      using net = await createOnCard({ precision })
      await train(net, 0, 64)
    }
    // dispose() frees on the network's own thread.
    await expect.poll(() => before - card().free, { timeout: 10_000 }).toBeLessThan(64e6)
  })

  it('a thousand steps take no more memory', async () => {
    using net = await createOnCard({ precision })
    const batches = Array.from({ length: 4 }, (_, i) => waves(8, i * 8))
    const steps = async (count: number) => {
      for (let i = 0; i < count; i++) await net.trainStep(batches[i % 4]!, labels(8), sgd)
      return { card: card().free, process: process.memoryUsage().rss }
    }
    const early = await steps(200)
    const late = await steps(1000)
    expect(early.card - late.card, 'memory of the card').toBeLessThan(16e6)
    // Half of what the images of these steps take together.
    expect(late.process - early.process, 'memory of the process').toBeLessThan(200e6)
  })

  it('one image more or less between steps changes no bits', async () => {
    const run = async (others: boolean) => {
      using net = await createOnCard({ precision, deterministic: true })
      for (let number = 0; number < 4; number++) {
        if (others) for (const count of [1, 7, 9]) await net.forward(waves(count))
        await train(net, number)
      }
      return await net.stateDict()
    }
    expect(differing(await run(true), await run(false))).toEqual([])
  })
})
