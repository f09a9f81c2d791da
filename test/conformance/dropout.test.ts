import { describe, expect, it } from 'vitest'
import type { NetworkDefinition } from '../../binding.js'
import { binding } from '../../lib/native.js'
import { conv, dropout, linear } from './layers.js'
import { still, takeStep } from './still.js'
import { targets } from './targets.js'

const WIDTH = 512
const BATCH = 4

/** Ones, a convolution that keeps them, dropout, and a linear layer that shows what is left as its logits. */
function visible(probability: number): NetworkDefinition {
  return {
    input: { channels: WIDTH, height: 1, width: 1, mean: Array(WIDTH).fill(0), std: Array(WIDTH).fill(1) },
    layers: [
      conv('before', 'input', WIDTH),
      dropout('first', 'before', probability),
      dropout('second', 'before', probability),
      linear('main', 'first', WIDTH),
      linear('aux', 'second', WIDTH),
    ],
    heads: [
      { layer: 'main', lossWeight: 1 },
      { layer: 'aux', lossWeight: 0 },
    ],
  }
}

const identity = Float32Array.from({ length: WIDTH * WIDTH }, (_, i) => (i % (WIDTH + 1) === 0 ? 1 : 0))
const weights = [
  { name: 'before.weight', shape: [WIDTH, WIDTH, 1, 1], data: identity },
  { name: 'before.bias', shape: [WIDTH], data: new Float32Array(WIDTH) },
  ...['main', 'aux'].flatMap((head) => [
    { name: `${head}.weight`, shape: [WIDTH, WIDTH], data: identity },
    { name: `${head}.bias`, shape: [WIDTH], data: new Float32Array(WIDTH) },
  ]),
]
const batch = {
  data: new Float32Array(BATCH * WIDTH).fill(1),
  shape: [BATCH, WIDTH, 1, 1] as const,
  layout: 'nchw' as const,
}

describe.each(targets)('dropout on $name', ({ device, precision, missing }) => {
  if (missing) return it.skip(missing)
  const create = async (probability: number, seed = 1) => {
    const options = { device, precision, seed, threads: 0 }
    const network = await binding.Network.create(visible(probability), options)
    await network.setTensors('weights', weights)
    return network
  }
  type Made = Awaited<ReturnType<typeof create>>
  const train = (network: Made) => network.forward(batch, { mode: 'train', weights: 'weights' })

  it.each([0.25, 0.5, 0.7])('keeps a share of 1 - %d and scales it up', async (probability) => {
    const network = await create(probability)
    let kept = 0
    const runs = 10
    for (let run = 0; run < runs; run++) {
      for (const value of (await train(network))[0]!) {
        if (value === 0) continue
        expect(value).toBeCloseTo(1 / (1 - probability), precision === 'fp32' ? 5 : 1)
        kept++
      }
    }
    const count = runs * BATCH * WIDTH
    const deviation = Math.sqrt(count * probability * (1 - probability))
    expect(Math.abs(kept - count * (1 - probability)) / deviation).toBeLessThan(4)
    network.dispose()
  })

  it('does nothing in evaluation', async () => {
    const network = await create(0.5)
    for (const logits of await network.forward(batch, { mode: 'eval', weights: 'weights' })) {
      expect(logits.every((value) => value === 1)).toBe(true)
    }
    network.dispose()
  })

  it('draws each layer, batch, sample and seed anew', async () => {
    const [network, other] = [await create(0.5), await create(0.5, 2)]
    const [main, aux] = await train(network)
    const [later] = await train(network)
    const [seeded] = await train(other)
    const [first, second] = [main!.slice(0, WIDTH), main!.slice(WIDTH, 2 * WIDTH)]
    for (const [a, b] of [
      [main!, aux!],
      [main!, later!],
      [main!, seeded!],
      [first, second],
    ] as const) {
      // Independent halves agree in half of the places.
      const same = a.filter((value, i) => value === b[i]).length
      expect(Math.abs(same - a.length / 2)).toBeLessThan(4 * Math.sqrt(a.length / 4))
    }
    for (const made of [network, other]) made.dispose()
  })

  it('draws the same again for the same seed and counter', async () => {
    const [network, again] = [await create(0.5), await create(0.5)]
    await train(network)
    const second = await train(network)
    again.setCounters({ steps: 0, batches: 1 })
    expect(await train(again)).toEqual(second)
    for (const made of [network, again]) made.dispose()
  })

  it('lets the gradient through where it let the value through', async () => {
    const network = await create(0.5)
    const one = { ...batch, data: batch.data.slice(0, WIDTH), shape: [1, WIDTH, 1, 1] as const }
    const { gradients: left } = await takeStep(network, () => network.trainStep(one, Int32Array.of(3), still))
    const gradients = new Map(left.map(({ name, data }) => [name, data]))
    const logits = gradients.get('main.bias')!
    for (let i = 0; i < WIDTH; i++) {
      // d loss / d main.weight[o, i] = d loss / d logits[o] * dropped[i].
      const dropped = gradients.get('main.weight')![3 * WIDTH + i]! / logits[3]!
      const passed = gradients.get('before.bias')![i]! / logits[i]!
      expect(passed).toBeCloseTo(dropped, precision === 'fp32' ? 4 : 1)
    }
    network.dispose()
  })
})
