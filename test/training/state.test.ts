import { expect, test } from 'vitest'
import type { EvaluationReport } from '../../lib/training/evaluate.js'
import { isBetter, isKept } from '../../lib/training/state.js'

const report = (top1: number, loss: number) => ({ top1, loss }) as EvaluationReport

test.each([
  [0.5, 2, 0.4, 1, true],
  [0.4, 1, 0.5, 2, false],
  [0.5, 1, 0.5, 2, true],
  [0.5, 2, 0.5, 1, false],
  [0.5, 1, 0.5, 1, false],
])('top-1 %d with loss %d beside %d with %d: %s', (top1, loss, bestTop1, bestLoss, better) => {
  expect(isBetter(report(top1, loss), { epoch: 0, top1: bestTop1, loss: bestLoss })).toBe(better)
})

test('the first is the best, and without validation the latest', () => {
  expect(isBetter(report(0, 9), undefined)).toBe(true)
  expect(isBetter(undefined, undefined)).toBe(true)
})

test.each([
  [5, 10],
  [25, 5_000],
  [10, 40_000],
  [10, 2_402_190],
  [1, 100_000],
])('of reports every %i of %i steps all are kept, or some thousands spread evenly', (every, steps) => {
  const reported = Array.from({ length: Math.floor(steps / every) }, (_, i) => (i + 1) * every)
  const kept = reported.filter((step) => isKept(step, every, steps))
  if (reported.length <= 4000) expect(kept).toEqual(reported)
  expect(kept.length).toBeLessThanOrEqual(4000)
  expect(kept.length).toBeGreaterThan(Math.min(2000, reported.length - 1))
  const gaps = kept.slice(1).map((step, i) => step - kept[i]!)
  expect(new Set(gaps).size).toBe(1)
})
