/** Ten steps on the card beside ten on the CPU in fp32, from the same weights. */
import { describe, expect, it } from 'vitest'
import type { GoogLeNet, StateDict } from '../../../lib/index.js'
import { expectClose } from '../../conformance/compare.js'
import { cardTargets } from '../../conformance/targets.js'
import { relativeError } from '../../network/helpers.js'
import { fixtures } from '../../parity/fixture.js'
import { batchOf, createNetwork, formulaValues } from '../../parity/network.js'

const STEPS = 10
/** One whose ten losses PyTorch has computed too, so that the steps are known not to diverge. */
const fixture = fixtures.find(({ steps }) => steps)!

async function tenSteps(target: { device: 'cpu' | 'cuda'; precision: 'fp32' | 'bf16' | 'fp16' }) {
  const net: GoogLeNet = await createNetwork(fixture, target)
  try {
    await net.loadStateDict(formulaValues(await net.stateDict()))
    const { lr: learningRate, momentum, weight_decay: weightDecay } = fixture.sgd
    const found: number[] = []
    for (let step = 0; step < STEPS; step++) {
      const { images, labels } = batchOf(fixture, step)
      found.push((await net.trainStep(images, labels, { learningRate, momentum, weightDecay })).loss)
    }
    return { losses: found, weights: flat(await net.stateDict()) }
  } finally {
    net.dispose()
  }
}

/** The values of all tensors, by name, in one row. */
function flat(dict: StateDict): number[] {
  return [...dict].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, { data }]) => [...data])
}

describe.each(cardTargets)('on $name', ({ device, precision, missing }) => {
  if (missing) return it.skip(missing)

  it('ten steps have the losses and the weights of the CPU', async () => {
    const [here, there] = [
      await tenSteps({ device: 'cpu', precision: 'fp32' }),
      await tenSteps({ device, precision }),
    ]
    const tolerance = precision === 'fp32' ? 1e-4 : 2e-2
    for (const [step, loss] of here.losses.entries()) {
      expectClose([there.losses[step]!], [loss], tolerance, `the loss of step ${step}`)
    }
    expect(relativeError(there.weights, here.weights), 'of the weights').toBeLessThanOrEqual(tolerance)
  })
})
