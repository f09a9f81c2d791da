/** With `deterministic: true` the same seed gives the same bits. */
import { describe, expect, it } from 'vitest'
import { cardTargets } from '../../conformance/targets.js'
import { differing, waves } from '../../network/helpers.js'
import { createOnCard, losses } from './card.js'

describe.each(cardTargets)('on $name', ({ precision, missing }) => {
  if (missing) return it.skip(missing)

  const run = async (between = false) => {
    using net = await createOnCard({ precision, deterministic: true })
    if (between) await net.forward(waves(3))
    const found = await losses(net, 5)
    const { logits } = await net.forward(waves(4))
    return { losses: found, logits, weights: await net.stateDict() }
  }

  it('two trainings have the same bits, also with other work in between', async () => {
    const first = await run()
    expect(first.losses.every(Number.isFinite)).toBe(true)
    for (const again of [await run(), await run(true)]) {
      expect(again.losses).toEqual(first.losses)
      expect(again.logits).toEqual(first.logits)
      expect(differing(again.weights, first.weights)).toEqual([])
    }
  })

  it('another seed has others', async () => {
    const first = await run()
    using net = await createOnCard({ precision, deterministic: true, seed: 6 })
    expect(await losses(net, 5)).not.toEqual(first.losses)
  })
})
