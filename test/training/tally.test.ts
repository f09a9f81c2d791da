import { expect, test } from 'vitest'
import { Tally } from '../../lib/training/tally.js'

const sample = (label: number, index = 0) => ({ label, index, name: `picture ${index}` })

test('losses, ranks and probabilities are what PyTorch computes', () => {
  const logits = [
    [-3.38, -3.46, -0.75, -1.3, 2.55, 2.08, -0.95],
    [-6.35, 0.97, -3.79, 1.05, 0.92, 0.36, 3.71],
    [3.35, -0.74, -4.06, -5.09, 1.7, 2.38, 1.8],
    [-4.67, -1.02, 5.56, 2.25, -1.76, 1.69, 0.78],
    [-0.52, -2.04, 2.81, 1.47, -2.02, 2.62, -3.6],
    [-0.01, -1.55, -0.92, -4.74, 5.12, -1.34, 2.23],
  ]
  const labels = [0, 3, 6, 2, 2, 5]
  // torch.nn.functional.cross_entropy(logits.double(), labels, reduction='none')
  const losses = [
    6.471437402299531, 2.8683304360639985, 2.138309532474132, 0.06565349022381593, 0.7617669606444207,
    6.524625708915704,
  ]
  const tally = new Tally(7)
  for (const [i, row] of logits.entries()) {
    const before = tally.loss
    tally.add(Float32Array.from(row), sample(labels[i]!, i))
    expect(tally.loss - before).toBeCloseTo(losses[i]!, 5)
  }
  expect([tally.samples, tally.top1, tally.top5]).toEqual([6, 2, 5])
  expect(tally.confusion[2]).toEqual([0, 0, 2, 0, 0, 0, 0])
  expect(tally.confusion[0]).toEqual([0, 0, 0, 0, 1, 0, 0])
  const mistakes = tally.mistakes.map(({ index, predicted, probability }) => [
    index,
    predicted,
    Number(probability.toFixed(4)),
  ])
  expect(mistakes).toEqual([
    [5, 4, 0.9374],
    [1, 6, 0.8119],
    [0, 4, 0.5819],
    [2, 0, 0.5553],
  ])
})

test('of equal logits the first is the larger', () => {
  const tally = new Tally(3)
  tally.add(Float32Array.of(1, 1, 1), sample(0))
  tally.add(Float32Array.of(1, 1, 1), sample(1))
  expect([tally.top1, tally.samples]).toEqual([1, 2])
  expect(tally.confusion).toEqual([
    [1, 0, 0],
    [1, 0, 0],
    [0, 0, 0],
  ])
})

test('large logits do not overflow, and NaN is never right', () => {
  const tally = new Tally(2)
  tally.add(Float32Array.of(1e30, -1e30), sample(0))
  expect(tally.loss).toBe(0)
  tally.add(Float32Array.of(Number.NaN, Number.NaN), sample(0))
  expect([tally.top1, tally.top5]).toEqual([1, 1])
  expect(tally.loss).toBeNaN()
})

test('the most confident mistakes are kept, the first of equals first', () => {
  const tally = new Tally(2)
  for (let i = 0; i < 500; i++) tally.add(Float32Array.of(((i * 37) % 100) / 10, 0), sample(1, i))
  expect(tally.mistakes.length).toBe(60)
  const probabilities = tally.mistakes.map(({ probability }) => probability)
  expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a))
  expect(tally.mistakes.slice(0, 5).map(({ index }) => index)).toEqual([27, 127, 227, 327, 427])
})
