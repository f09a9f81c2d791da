import { expect, test } from 'vitest'
import { bytes, compact, count, duration, interval, percent, rate } from '../../lib/report/format.js'

test.each([
  [0, '0.0 s'],
  [7.44, '7.4 s'],
  [9.96, '10 s'],
  [59.94, '60 s'],
  [59.96, '1 min 00 s'],
  [77, '1 min 17 s'],
  [3599.6, '1 h 00 min'],
  [7500, '2 h 05 min'],
  [Number.POSITIVE_INFINITY, '?'],
])('%d seconds are %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text)
})

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [53183416, '50.7 MiB'],
])('%d bytes are %s', (value, text) => {
  expect(bytes(value)).toBe(text)
})

test('shares, counts, rates and small numbers', () => {
  expect(percent(0.6634)).toBe('66.3 %')
  expect(percent(1, 0)).toBe('100 %')
  expect(count(13295854)).toBe('13,295,854')
  expect(rate(7.25)).toBe('7.3 img/s')
  expect(rate(1152.4)).toBe('1,152 img/s')
  expect(compact(0.020000001)).toBe('0.02')
})

test("Wilson's interval at 95 %", () => {
  const [low, high] = interval(0.65, 1000)
  expect(low).toBeCloseTo(0.619915, 5)
  expect(high).toBeCloseTo(0.678937, 5)
  expect(interval(0, 0)).toEqual([0, 1])
  expect(interval(1, 5)[0]).toBeCloseTo(0.565518, 5)
})
