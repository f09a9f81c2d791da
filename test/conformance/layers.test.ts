import { describe, expect, it } from 'vitest'
import type { Network } from '../../binding.js'
import { binding } from '../../lib/native.js'
import { type Case, drawCase, rows } from './cases.js'
import { distance, norm } from './compare.js'
import { type CaseData, drawData, toValues } from './data.js'
import { type ReferenceOptions, runReference } from './reference.js'
import { still, takeStep } from './still.js'
import { type Target, targets } from './targets.js'

const DRAWS = 2
const cases = rows.flatMap((row) => Array.from({ length: DRAWS }, (_, i) => drawCase(row, i + 1)))

describe.each(targets)('$name', (target) => {
  if (target.missing) return it.skip(target.missing)
  it.each(cases)('$name', async (test) => {
    const data = drawData(test)
    const { device, precision } = target
    const network = await binding.Network.create(test.definition, { device, precision, seed: 0, threads: 0 })
    try {
      await network.setTensors('weights', data.tensors)
      await checkForward(network, target, test, data, 'eval')
      await checkForward(network, target, test, data, 'train')
      await checkStep(network, target, test, data)
    } finally {
      network.dispose()
    }
  })
})

/** The exact result, and those of the ways in which the target may round. */
function runReferences(target: Target, test: Case, { tensors, images }: CaseData, options: ReferenceOptions) {
  const run = (rounding: Partial<ReferenceOptions>) =>
    runReference(test.definition, toValues(tensors), images, { ...options, ...rounding })
  return [run({}), ...target.roundings.map((begin) => run({ stored: begin() }))] as const
}

/** `least` stands for the size of what may be zero. */
function expectNear(
  found: ArrayLike<number>,
  [exact, ...rounded]: readonly [ArrayLike<number>, ...ArrayLike<number>[]],
  { tolerance, least = 0, what }: { tolerance: number; least?: number; what: string },
) {
  const spread = Math.max(0, ...rounded.map((values) => distance(values, exact)))
  const allowed = Math.max(tolerance * Math.max(norm(exact), least), 3 * spread)
  const error = distance(found, exact)
  expect(error, `error of ${what}, of size ${norm(exact)}`).toBeLessThanOrEqual(allowed)
}

async function checkForward(
  network: Network,
  target: Target,
  test: Case,
  data: CaseData,
  mode: 'eval' | 'train',
) {
  const [exact, ...rounded] = runReferences(target, test, data, { training: mode === 'train' })
  const tolerance = target.tolerance.forward
  const logits = await network.forward(data.batch, { mode, weights: 'weights' })
  expect(logits).toHaveLength(test.definition.heads.length)
  for (const [i, found] of logits.entries()) {
    const expected = [exact.logits[i]!, ...rounded.map((result) => result.logits[i]!)] as const
    expectNear(found, expected, { tolerance, what: `head ${i} (${mode})` })
  }
}

async function checkStep(network: Network, target: Target, test: Case, data: CaseData) {
  const { labels } = data
  const { labelSmoothing } = test
  const [exact, ...rounded] = runReferences(target, test, data, { training: true, labels, labelSmoothing })
  const { metrics, gradients } = await takeStep(network, async () => {
    await network.setTensors('weights', data.tensors)
    return network.trainStep(data.batch, labels, { ...still, labelSmoothing })
  })
  const tolerance = target.tolerance.forward
  expectNear([metrics.loss], [[exact.loss], ...rounded.map(({ loss }) => [loss])], {
    tolerance,
    what: 'the loss',
  })
  expectNear(metrics.headLosses, [exact.headLosses, ...rounded.map(({ headLosses }) => headLosses)], {
    tolerance,
    what: "the heads' losses",
  })
  if (rounded.length === 0) {
    expect([metrics.top1, metrics.top5]).toEqual([exact.top1, exact.top5])
  }

  const weights = toValues(await network.getTensors('weights'))
  for (const { name, data: before } of data.tensors) {
    const found = weights.get(name)!
    const statistics = exact.running.get(name)
    if (!statistics) expect(found, `${name} at rest`).toEqual(Float64Array.from(before))
    else
      expectNear(found, [statistics, ...rounded.map(({ running }) => running.get(name)!)], {
        tolerance,
        what: name,
      })
  }
  checkGradients(
    toValues(gradients),
    [exact.backward().gradients, ...rounded.map((result) => result.backward().gradients)],
    target.tolerance.gradient,
  )
}

type Gradients = ReadonlyMap<string, Float64Array>

function checkGradients(
  found: Gradients,
  [exact, ...rounded]: readonly [Gradients, ...Gradients[]],
  tolerance: number,
) {
  expect([...found.keys()]).toEqual(expect.arrayContaining([...exact.keys()]))
  const largest = Math.max(...[...exact.values()].map(norm))
  for (const [name, gradient] of found) {
    const none = new Float64Array(gradient.length)
    const of = (gradients: Gradients) => gradients.get(name) ?? none
    // A gradient that is zero by its mathematics, as of a bias that BatchNorm takes away again, is noise in sums
    // of the others' size.
    const least = norm(of(exact)) < 1e-9 * largest ? largest : 0
    expectNear(gradient, [of(exact), ...rounded.map(of)], {
      tolerance,
      least,
      what: `the gradient of ${name}`,
    })
  }
}
