import { expect, test } from 'vitest'
import { number, numbers, pick, whole } from '../../lib/cli/arguments.js'

test('numbers are read as they are written', () => {
  expect(number('--lr', { min: 0 })('2e-2')).toBe(0.02)
  expect(whole('--epochs', 1)('12')).toBe(12)
  expect(numbers('--area', { min: 0, max: 1 }, 2)('0.08,1')).toEqual([0.08, 1])
})

test.each([
  ['', 'found ""'],
  ['ten', 'found "ten"'],
  ['1.5', 'found 1.5'],
  ['0', 'from 1'],
  ['1e400', 'found Infinity'],
])('"%s" is no number of epochs', (text, says) => {
  expect(() => whole('--epochs', 1)(text)).toThrowError(
    expect.objectContaining({
      code: 'ERR_GOOGLENET_OPTION',
      message: expect.stringMatching(new RegExp(`--epochs.*${says}`)),
    }),
  )
})

test('a pair of numbers has two', () => {
  expect(() => numbers('--area', { min: 0, max: 1 }, 2)('0.5')).toThrowError(/--area "0.5"/)
  expect(() => numbers('--area', { min: 0, max: 1 }, 2)('0.5,2')).toThrowError(/--area.*found 2/)
})

test('picked options are only those that were given', () => {
  const flags: { seed?: number; threads?: number; json?: boolean } = { seed: 1 }
  expect(pick(flags, 'seed', 'threads')).toEqual({ seed: 1 })
})
