import { describe, expect, test } from 'vitest'
import { checkSchedule, learningRateAt, type Schedule } from '../../lib/training/schedules.js'

const rates = (schedule: Schedule, stepsPerEpoch: number, epochs: number) =>
  Array.from({ length: epochs * stepsPerEpoch }, (_, step) =>
    learningRateAt(schedule, { step, stepsPerEpoch, epochs }),
  )
const expectRates = (found: readonly number[], expected: readonly number[]) => {
  expect(found.length).toBe(expected.length)
  for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 12)
}

describe('a schedule gives what torch.optim.lr_scheduler gives', () => {
  test('cosine: CosineAnnealingLR(12, eta_min=0.1)', () => {
    expectRates(
      rates({ kind: 'cosine', learningRate: 0.5, finalLearningRate: 0.1 }, 4, 3),
      [
        0.5, 0.49318516525781364, 0.47320508075688783, 0.4414213562373096, 0.40000000000000013,
        0.3517638090205043, 0.30000000000000016, 0.24823619097949598, 0.20000000000000012,
        0.15857864376269057, 0.1267949192431123, 0.10681483474218637,
      ],
    )
  })

  test('polynomial: PolynomialLR(12, power=0.5)', () => {
    expectRates(
      rates({ kind: 'polynomial', learningRate: 0.5, power: 0.5 }, 6, 2),
      [
        0.5, 0.47871355387816905, 0.45643546458763845, 0.43301270189221935, 0.408248290463863,
        0.38188130791298663, 0.35355339059327373, 0.32274861218395134, 0.28867513459481287,
        0.24999999999999997, 0.20412414523193145, 0.14433756729740646,
      ],
    )
  })

  test('a straight line: PolynomialLR(12, power=1)', () => {
    expectRates(
      rates({ kind: 'polynomial', learningRate: 0.5, power: 1 }, 1, 12),
      Array.from({ length: 12 }, (_, step) => 0.5 * (1 - step / 12)),
    )
  })

  test('step: StepLR(2 epochs of 3 steps, gamma=0.96)', () => {
    expectRates(rates({ kind: 'step', learningRate: 0.5, factor: 0.96, everyEpochs: 2 }, 3, 6), [
      ...Array(6).fill(0.5),
      ...Array(6).fill(0.48),
      ...Array(6).fill(0.4608),
    ])
  })

  test('warm-up, then cosine: LinearLR(1/3 to 1) and CosineAnnealingLR(9)', () => {
    expectRates(
      rates({ kind: 'cosine', learningRate: 0.5, warmupEpochs: 0.75 }, 4, 3),
      [
        0.16666666666666666, 0.3333333333333333, 0.5, 0.5, 0.4849231551964771, 0.4415111107797445, 0.375,
        0.29341204441673263, 0.20658795558326742, 0.12500000000000006, 0.058488889220255524,
        0.015076844803522923,
      ],
    )
  })
})

test("step is the paper's by default: 4 % less every 8 epochs", () => {
  const found = rates({ kind: 'step', learningRate: 0.01 }, 2, 17)
  expect([found[15], found[16], found[31]]).toEqual([0.01, 0.0096, 0.0096])
  expect(found[32]).toBeCloseTo(0.01 * 0.96 ** 2, 15)
})

test('constant is constant after its warm-up', () => {
  const found = rates({ kind: 'constant', learningRate: 0.1, warmupEpochs: 2 }, 5, 4)
  expect(found[0]).toBeCloseTo(0.01, 15)
  expect(found[8]).toBeCloseTo(0.09, 15)
  expect(found.slice(9)).toEqual(Array(11).fill(0.1))
})

test.each<Schedule>([
  { kind: 'constant', learningRate: 0.1, warmupEpochs: 1.3 },
  { kind: 'step', learningRate: 0.1, factor: 0.5, everyEpochs: 0.7, warmupEpochs: 0.1 },
  { kind: 'cosine', learningRate: 0.1, warmupEpochs: 10 },
  { kind: 'cosine', learningRate: 0.1, warmupEpochs: 3 },
  { kind: 'polynomial', learningRate: 0.1, power: 2, finalLearningRate: 0.001, warmupEpochs: 2.9 },
  { kind: 'polynomial', learningRate: 0.1, power: 0 },
])('$kind stays between 0 and its learning rate, and never rises after the warm-up', (schedule) => {
  const found = rates(schedule, 10, 3)
  const warm = Math.ceil((schedule.warmupEpochs ?? 0) * 10)
  for (const [step, rate] of found.entries()) {
    expect(rate).toBeGreaterThanOrEqual(0)
    expect(rate).toBeLessThanOrEqual(0.1 + 1e-15)
    if (step > warm) expect(rate).toBeLessThanOrEqual(found[step - 1]! + 1e-15)
    else if (step > 0 && step < warm) expect(rate).toBeGreaterThanOrEqual(found[step - 1]!)
  }
})

test.each<[string, object, RegExp]>([
  ['without a learning rate', { kind: 'constant' }, /schedule\.learningRate must be/],
  ['of NaN', { kind: 'constant', learningRate: Number.NaN }, /schedule\.learningRate must be .* NaN/],
  ['below 0', { kind: 'cosine', learningRate: -1 }, /schedule\.learningRate must be .* -1/],
  ['of another kind', { kind: 'exponential', learningRate: 1 }, /schedule\.kind must be one of/],
  ['without a power', { kind: 'polynomial', learningRate: 1 }, /schedule\.power must be/],
  ['with a power below 0', { kind: 'polynomial', learningRate: 1, power: -1 }, /schedule\.power must be/],
  ['with a factor above 1', { kind: 'step', learningRate: 1, factor: 2 }, /schedule\.factor must be/],
  ['that steps at once', { kind: 'step', learningRate: 1, everyEpochs: 0 }, /schedule\.everyEpochs must be/],
  ['with a warm-up below 0', { kind: 'constant', learningRate: 1, warmupEpochs: -1 }, /warmupEpochs must be/],
  ['with an endless warm-up', { kind: 'constant', learningRate: 1, warmupEpochs: Infinity }, /warmupEpochs/],
  [
    'that ends at NaN',
    { kind: 'cosine', learningRate: 1, finalLearningRate: Number.NaN },
    /finalLearningRate/,
  ],
])('a schedule %s is refused', (_, schedule, message) => {
  expect(() => checkSchedule(schedule as Schedule)).toThrowError(
    expect.objectContaining({ code: 'ERR_GOOGLENET_OPTION', message: expect.stringMatching(message) }),
  )
})

test('what is no schedule is refused', () => {
  expect(() => checkSchedule(0.1 as unknown as Schedule)).toThrowError(/schedule must be an object such as/)
})
