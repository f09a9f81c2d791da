/** Engines chosen by timing, and the file that keeps the choice. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { cardTargets } from '../../conformance/targets.js'
import { relativeError } from '../../network/helpers.js'
import { createOnCard, losses } from './card.js'

const folder = mkdtempSync(join(tmpdir(), 'googlenet-tuning-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe.each(cardTargets)('on $name', ({ precision, missing }) => {
  if (missing) return it.skip(missing)
  const planCache = join(folder, `${precision}.plans`)
  const tolerance = precision === 'fp32' ? 1e-4 : 2e-2

  const run = async (tune: boolean) => {
    using net = await createOnCard({ precision, tune, planCache })
    return await losses(net, 3)
  }

  it('timed engines compute the same, and the file is read again', async () => {
    const plain = await run(false)
    const tuned = await run(true)
    expect(relativeError(tuned, plain)).toBeLessThanOrEqual(tolerance)
    const kept = readFileSync(planCache, 'utf8')
    expect(kept.length).toBeGreaterThan(0)
    await run(true)
    expect(readFileSync(planCache, 'utf8')).toBe(kept)
  })

  it('a damaged file is no obstacle', async () => {
    writeFileSync(planCache, '\0 not plans')
    expect((await run(true)).every(Number.isFinite)).toBe(true)
  })
})
