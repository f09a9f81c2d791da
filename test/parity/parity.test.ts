/** The networks against PyTorch's float64: `fixtures/`, made by make.py. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ForwardResult, GoogLeNet, StateDict } from '../../lib/index.js'
import { toSourceNames } from '../../lib/weights/sourceNames.js'
import { distance, expectClose, norm } from '../conformance/compare.js'
import { targets } from '../conformance/targets.js'
import { differing } from '../network/helpers.js'
import { type Fixture, fixtures } from './fixture.js'
import { sketch } from './formula.js'
import { batchOf, createNetwork, formulaValues } from './network.js'

describe.each(targets)('on $name', (target) => {
  if (target.missing) return it.skip(target.missing)
  describe.each(fixtures)('$name', (fixture) => {
    const { forward, gradient } = target.tolerance
    const first = batchOf(fixture, 0)
    let net: GoogLeNet
    let values: StateDict
    beforeAll(async () => {
      net = await createNetwork(fixture, target)
      values = formulaValues(await net.stateDict(), fixture.variant)
    })
    beforeEach(() => net.loadStateDict(values))
    afterAll(() => net.dispose())

    it.each(['eval', 'train'] as const)('has the logits (%s)', async (mode) => {
      expectLogits(await net.forward(first.images, { mode }), fixture, mode, forward)
    })

    it('has the losses of a step', async () => {
      const { loss, headLosses } = await net.trainStep(first.images, first.labels, { learningRate: 0 })
      expectClose([loss, ...headLosses], fixture.tensor('losses'), forward, 'the losses')
    })

    if (target.precision !== 'fp32') return

    it('has the names of the state dict', () => {
      const { gradient: parameters, running } = fixture.names
      const named = toSourceNames(values, fixture.variant)
      expect([...named.keys()].sort()).toEqual([...parameters, ...running].sort())
    })

    it('has the gradients and the running statistics of a step', async () => {
      await net.trainStep(first.images, first.labels, { learningRate: 0 })
      expectGradients(await net.gradients(), fixture, gradient)
      const after = await net.stateDict()
      expectStatistics(after, fixture, forward)
      const moved = new Map(differing(after, values).map((name) => [name, name]))
      expect([...toSourceNames(moved, fixture.variant).keys()].sort()).toEqual(
        fixture.names.running.toSorted(),
      )
    })

    it.runIf(fixture.steps)('has the losses of ten steps', async () => {
      const { lr, momentum, weight_decay } = fixture.sgd
      const expected = fixture.tensor('steps')
      // A momentum of the steps before is none of these ten's.
      const fresh = await createNetwork(fixture, target)
      await fresh.loadStateDict(values)
      for (const [step, loss] of expected.entries()) {
        const { images, labels } = batchOf(fixture, step)
        const options = { learningRate: lr, momentum, weightDecay: weight_decay }
        const found = await fresh.trainStep(images, labels, options)
        expectClose([found.loss], [loss], 1e-4, `the loss of step ${step}`)
      }
      fresh.dispose()
    })
  })
})

function expectLogits(found: ForwardResult, fixture: Fixture, mode: 'eval' | 'train', tolerance: number) {
  const heads = fixture.aux ? (['logits', 'aux1', 'aux2'] as const) : (['logits'] as const)
  expect(Object.keys(found)).toEqual(heads)
  for (const head of heads) {
    expect(found[head]!.shape).toEqual([fixture.batch, fixture.classes])
    expectClose(found[head]!.data, fixture.tensor(`${mode}.${head}`), tolerance, `${head} (${mode})`)
  }
}

/** The relative error of the whole tensor, as its sketch estimates it, and of its norm. */
function sketchedErrors(dict: StateDict, fixture: Fixture, kind: 'gradient' | 'running') {
  const named = toSourceNames(dict, fixture.variant)
  const [norms, sketches] = [fixture.tensor(`${kind}.norms`), fixture.tensor(`${kind}.sketches`)]
  return fixture.names[kind].map((name, i) => {
    const { data } = named.get(name)!
    const mine = sketch(name, data)
    const expected = sketches.subarray(i * mine.length, (i + 1) * mine.length)
    return {
      name,
      expected: norms[i]!,
      found: norm(data),
      error: distance(mine, expected) / Math.sqrt(mine.length),
    }
  })
}

function expectGradients(gradients: StateDict, fixture: Fixture, tolerance: number) {
  const errors = sketchedErrors(gradients, fixture, 'gradient')
  const largest = Math.max(...errors.map(({ expected }) => expected))
  for (const { name, expected, found, error } of errors) {
    if (expected < 1e-9 * largest) {
      // A bias before BatchNorm: zero by its mathematics, so that its size is measured by its weight's.
      const weight = norm(gradients.get(name.replace(/bias$/, 'weight'))!.data)
      expect(found, `the gradient of ${name}`).toBeLessThanOrEqual(tolerance * weight)
      continue
    }
    expect(error / expected, `relative error of the gradient of ${name}`).toBeLessThanOrEqual(tolerance)
    expect(Math.abs(found / expected - 1), `its norm, of ${name}`).toBeLessThanOrEqual(tolerance)
  }
}

function expectStatistics(dict: StateDict, fixture: Fixture, tolerance: number) {
  for (const { name, expected, error } of sketchedErrors(dict, fixture, 'running')) {
    expect(error / expected, `relative error of ${name}`).toBeLessThanOrEqual(tolerance)
  }
}
