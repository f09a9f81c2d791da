/** Updates over several steps against the formulas of torch.optim.SGD and of an exponential average, in float64. */
import { describe, expect, it } from 'vitest'
import type { StepOptions } from '../../binding.js'
import { binding } from '../../lib/native.js'
import { type Case, drawCase, rows } from './cases.js'
import { expectClose } from './compare.js'
import { drawData, toValues } from './data.js'
import { runReference } from './reference.js'
import { still } from './still.js'
import { targets } from './targets.js'
import { accumulate } from './volume.js'

const BATCHES = 6
const plain: StepOptions = { ...still, learningRate: 0.02 }
const network: Case = drawCase(rows.find(({ name }) => name === 'several heads')!, 1)

type Values = Map<string, Float64Array>

/** The reference's training state. */
class Trainer {
  readonly weights: Values
  readonly momentum: Values = new Map()
  average: Values | undefined
  #gradients: Values = new Map()

  constructor(weights: Values) {
    this.weights = weights
  }

  step(data: ReturnType<typeof drawData>, options: StepOptions): number {
    const { labelSmoothing, averageDecay, accumulate: part } = options
    if (averageDecay > 0) this.average ??= new Map([...this.weights].map(([name, w]) => [name, w.slice()]))
    const { labels } = data
    const result = runReference(network.definition, this.weights, data.images, {
      training: true,
      labels,
      labelSmoothing,
    })
    for (const [name, gradient] of result.backward().gradients) {
      const sum = part.index === 0 ? new Float64Array(gradient.length) : this.#gradients.get(name)!
      accumulate(
        sum,
        gradient.map((g) => g / part.count),
      )
      this.#gradients.set(name, sum)
    }
    for (const [name, statistics] of result.running) this.weights.set(name, statistics)
    if (part.index + 1 === part.count) this.#update(options)
    return result.loss
  }

  #update({ learningRate, momentum, weightDecay, nesterov, averageDecay }: StepOptions) {
    for (const [name, gradient] of this.#gradients) {
      const weights = this.weights.get(name)!
      const decayed = gradient.map((g, i) => g + weightDecay * weights[i]!)
      const last = this.momentum.get(name)
      const velocity = last ? decayed.map((d, i) => momentum * last[i]! + d) : decayed
      const direction = nesterov ? decayed.map((d, i) => d + momentum * velocity[i]!) : velocity
      this.momentum.set(name, velocity)
      this.weights.set(
        name,
        weights.map((w, i) => w - learningRate * direction[i]!),
      )
    }
    if (averageDecay === 0) return
    for (const [name, average] of this.average!) {
      const weights = this.weights.get(name)!
      this.average!.set(
        name,
        average.map((a, i) => averageDecay * a + (1 - averageDecay) * weights[i]!),
      )
    }
  }
}

const schedules: { name: string; options: Partial<StepOptions>; accumulated?: number }[] = [
  { name: 'SGD', options: {} },
  { name: 'momentum', options: { momentum: 0.9 } },
  { name: 'momentum and decay', options: { momentum: 0.9, weightDecay: 0.05 } },
  { name: 'Nesterov and decay', options: { momentum: 0.8, weightDecay: 0.05, nesterov: true } },
  { name: 'label smoothing', options: { momentum: 0.9, labelSmoothing: 0.2 } },
  { name: 'averaged weights', options: { momentum: 0.9, averageDecay: 0.7 } },
  {
    name: 'accumulated gradients',
    options: { momentum: 0.9, weightDecay: 0.05, averageDecay: 0.7 },
    accumulated: 3,
  },
]

describe.each(targets.filter(({ precision }) => precision === 'fp32'))('training on $name', (target) => {
  if (target.missing) return it.skip(target.missing)
  const { device, precision } = target
  const create = async () => {
    const native = await binding.Network.create(network.definition, {
      device,
      precision,
      seed: 0,
      threads: 0,
    })
    const { tensors } = drawData(network)
    await native.setTensors('weights', tensors)
    return { native, trainer: new Trainer(toValues(tensors)) }
  }
  const batch = (number: number) => drawData({ ...network, name: `${network.name} batch ${number}` })

  it.each(schedules)('$name', async ({ options, accumulated = 1 }) => {
    const { native, trainer } = await create()
    for (let number = 0; number < BATCHES; number++) {
      const data = batch(number)
      const part = { index: number % accumulated, count: accumulated }
      const step = { ...plain, ...options, accumulate: part }
      const expected = trainer.step(data, step)
      const { loss } = await native.trainStep(data.batch, data.labels, step)
      expectClose([loss], [expected], 1e-5, `the loss of step ${number}`)
      const weights = toValues(await native.getTensors('weights'))
      for (const [name, values] of trainer.weights) {
        expectClose(weights.get(name)!, values, 1e-5, `${name} after step ${number}`)
      }
    }
    const momentum = toValues(await native.getTensors('momentum'))
    for (const [name, values] of trainer.momentum) {
      // Of a bias before BatchNorm only decay moves it: without, there is nothing to compare.
      if (values.some((v) => Math.abs(v) > 1e-9))
        expectClose(momentum.get(name)!, values, 1e-4, `momentum of ${name}`)
    }
    const average = toValues(await native.getTensors('average'))
    expect(average.size).toBe(trainer.average?.size ?? 0)
    for (const [name, values] of trainer.average ?? []) {
      expectClose(average.get(name)!, values, 1e-5, `average of ${name}`)
    }
    expect(native.getCounters()).toEqual({ steps: BATCHES / accumulated, batches: BATCHES })
    native.dispose()
  })

  it('the averaged weights compute as the same weights do, and as soon as they exist', async () => {
    const { native } = await create()
    const data = batch(0)
    const forward = (weights: 'weights' | 'average') => native.forward(data.batch, { mode: 'eval', weights })
    const half = { ...plain, averageDecay: 0.5, accumulate: { index: 0, count: 2 } }
    await native.trainStep(data.batch, data.labels, half)
    const before = await forward('average')
    await native.setTensors('weights', drawData(network).tensors)
    expect(await forward('weights')).toEqual(before)
    await native.trainStep(data.batch, data.labels, { ...half, accumulate: { index: 1, count: 2 } })
    const averaged = await forward('average')
    expect(averaged).not.toEqual(before)
    await native.setTensors('weights', await native.getTensors('average'))
    expect(await forward('weights')).toEqual(averaged)
    native.dispose()
  })

  it('batches of other sizes in between change nothing', async () => {
    const sizes = [2, 5, 1, 3, 4, 6, 2]
    const run = async (between: boolean) => {
      const { native } = await create()
      const losses: number[] = []
      for (const [number, size] of sizes.entries()) {
        const data = drawData({ ...network, batch: size, name: `${network.name} of ${size}, ${number}` })
        if (between) await native.forward(batch(number).batch, { mode: 'eval', weights: 'weights' })
        losses.push((await native.trainStep(data.batch, data.labels, { ...plain, momentum: 0.9 })).loss)
      }
      native.dispose()
      return losses
    }
    expect(await run(true)).toEqual(await run(false))
  })
})
