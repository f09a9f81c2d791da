import { describe, expect, it } from 'vitest'
import type { TrainStepOptions } from '../../lib/index.js'
import { classes, create, differing, labels, relativeError, waves } from './helpers.js'

const sgd: TrainStepOptions = { learningRate: 0.02, momentum: 0.9, weightDecay: 1e-4 }

describe('trainStep', () => {
  it('adds up the heads and learns a batch by heart', async () => {
    using net = await create({ auxDropout: 0 })
    const first = await net.trainStep(waves(8), labels(8), sgd)
    const [main, aux1, aux2] = first.headLosses as [number, number, number]
    expect(first.loss).toBeCloseTo(main + 0.3 * aux1 + 0.3 * aux2, 6)
    expect(first.top5).toBe(8) // of four classes
    let last = first
    for (let i = 0; i < 15; i++) last = await net.trainStep(waves(8), labels(8), sgd)
    expect(last.loss).toBeLessThan(first.loss / 2)
    expect(last.top1).toBe(8)
  })

  it('has the loss of the logits that train mode gives', async () => {
    using net = await create({ auxDropout: 0 })
    using twin = await create({ auxDropout: 0 })
    const { headLosses, top1 } = await net.trainStep(waves(4), labels(4), { learningRate: 0 })
    const { logits } = await twin.forward(waves(4), { mode: 'train' })
    let loss = 0
    let right = 0
    for (const [i, label] of labels(4).entries()) {
      const row = [...logits.data.subarray(i * classes, (i + 1) * classes)]
      loss += Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)) - row[label]!
      if (row.indexOf(Math.max(...row)) === label) right++
    }
    expect(headLosses[0]).toBeCloseTo(loss / 4, 5)
    expect(top1).toBe(right)
  })

  it('gives a gradient for every parameter that is trained', async () => {
    using net = await create()
    await expect(net.gradients()).rejects.toMatchObject({ code: 'ERR_GOOGLENET_OPTION' })
    await net.trainStep(waves(4), labels(4), sgd)
    const gradients = await net.gradients()
    const dict = await net.stateDict()
    const trained = [...dict.keys()].filter((name) => !/running_(mean|var)$/.test(name))
    expect([...gradients.keys()]).toEqual(trained)
    for (const name of trained) expect(gradients.get(name)!.shape).toEqual(dict.get(name)!.shape)
    expect(gradients.get('fc.weight')!.data.some((value) => value !== 0)).toBe(true)
  })

  it('steps against the gradient', async () => {
    using net = await create()
    const before = (await net.stateDict()).get('fc.weight')!.data
    await net.trainStep(waves(4), labels(4), { learningRate: 0.5, weightDecay: 0.1 })
    const gradient = (await net.gradients()).get('fc.weight')!.data
    const after = (await net.stateDict()).get('fc.weight')!.data
    const expected = before.map((weight, i) => weight - 0.5 * (gradient[i]! + 0.1 * weight))
    expect(relativeError(after, expected)).toBeLessThan(1e-6)
  })

  it('updates with the last batch of an accumulation, by the mean of its gradients', async () => {
    using net = await create({ auxDropout: 0 })
    using once = await create({ auxDropout: 0 })
    const start = (await net.stateDict()).get('fc.weight')!.data
    const half = (index: number) => ({ learningRate: 0.1, accumulate: { index, count: 2 } })
    await net.trainStep(waves(4), labels(4), half(0))
    expect((await net.stateDict()).get('fc.weight')!.data).toEqual(start)
    await net.trainStep(waves(4), labels(4), half(1))
    await once.trainStep(waves(4), labels(4), { learningRate: 0.1 })
    const [twice, single] = [await net.stateDict(), await once.stateDict()]
    const change = (data: Float32Array) => data.map((value, i) => value - start[i]!)
    expect(
      relativeError(change(twice.get('fc.weight')!.data), change(single.get('fc.weight')!.data)),
    ).toBeLessThan(1e-4)
    expect((await net.snapshot()).counters).toEqual({ steps: 1, batches: 2 })
  })

  it('keeps an average of the weights when asked to', async () => {
    using net = await create()
    await expect(net.stateDict({ weights: 'average' })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_OPTION',
    })
    const before = (await net.stateDict()).get('fc.bias')!.data
    await net.trainStep(waves(4), labels(4), { ...sgd, averageDecay: 0.75 })
    const after = (await net.stateDict()).get('fc.bias')!.data
    const average = (await net.stateDict({ weights: 'average' })).get('fc.bias')!.data
    expect(
      relativeError(
        average,
        before.map((value, i) => 0.75 * value + 0.25 * after[i]!),
      ),
    ).toBeLessThan(1e-6)
    const [own, averaged] = [await net.forward(waves(1)), await net.forward(waves(1), { weights: 'average' })]
    expect(averaged.logits.data).not.toEqual(own.logits.data)
  })

  it('gives the same bits for the same seed', async () => {
    const run = async (seed: number) => {
      using net = await create({ seed })
      const losses: number[] = []
      for (let i = 0; i < 3; i++) losses.push((await net.trainStep(waves(4, i), labels(4), sgd)).loss)
      return { losses, dict: await net.stateDict() }
    }
    const [a, b, other] = [await run(5), await run(5), await run(6)]
    expect(a.losses).toEqual(b.losses)
    expect(differing(a.dict, b.dict)).toEqual([])
    expect(a.losses).not.toEqual(other.losses)
  })

  it('returns a loss that is not finite', async () => {
    using net = await create()
    const images = waves(2)
    images.data.fill(Number.NaN, 0, 10)
    const { loss } = await net.trainStep(images, labels(2), sgd)
    expect(loss).toBeNaN()
  })

  it.each<[string, unknown, unknown]>([
    ['ERR_GOOGLENET_DTYPE', [0, 1], sgd],
    ['ERR_GOOGLENET_SHAPE', labels(3), sgd],
    ['ERR_GOOGLENET_LABEL', Int32Array.of(0, classes), sgd],
    ['ERR_GOOGLENET_LABEL', Int32Array.of(-1, 0), sgd],
    ['ERR_GOOGLENET_OPTION', labels(2), { learningRate: Number.NaN }],
    ['ERR_GOOGLENET_OPTION', labels(2), { learningRate: 1e300 }],
    ['ERR_GOOGLENET_OPTION', labels(2), undefined],
  ])('refuses with %s and changes nothing: %o, %o', async (code, wrong, options) => {
    using net = await create()
    const before = await net.stateDict()
    const step = net.trainStep(waves(2), wrong as Int32Array, options as TrainStepOptions)
    await expect(step).rejects.toMatchObject({ code })
    expect(differing(await net.stateDict(), before)).toEqual([])
  })

  it('needs two classes, where forward needs one', async () => {
    using net = await create({ classes: 1 })
    await expect(net.forward(waves(1))).resolves.toMatchObject({ logits: { shape: [1, 1] } })
    await expect(net.trainStep(waves(1), labels(1), sgd)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_OPTION',
      message: expect.stringContaining('at least 2 classes'),
    })
  })
})
