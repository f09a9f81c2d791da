import { expect, test } from 'vitest'
import type { EvaluationReport } from '../../lib/training/evaluate.js'
import { isBetter } from '../../lib/training/state.js'

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
