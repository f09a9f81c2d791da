import { expect } from 'vitest'

export function norm(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2
  return Math.sqrt(sum)
}

export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return a.length === b.length ? norm(Float64Array.from(a, (x, i) => x - b[i]!)) : Number.POSITIVE_INFINITY
}

/** |found - expected| / |expected|. */
export function relativeError(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  return distance(found, expected) / norm(expected)
}

export function expectClose(
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  expect(relativeError(found, expected), `relative error of ${what}`).toBeLessThanOrEqual(tolerance)
}
