/** The reference itself, by central differences: its gradients are the derivatives of its loss. */
import { describe, expect, it } from 'vitest'
import { drawCase, rows } from './cases.js'
import { norm } from './compare.js'
import { drawData, toValues } from './data.js'
import { Draw } from './draw.js'
import { runReference } from './reference.js'
import type { Volume } from './volume.js'

// Where values are equal a max pool has no derivative.
const cases = rows.filter(({ coarse }) => !coarse).map((row) => drawCase(row, 1))

describe('the reference', () => {
  it.each(cases)('has the derivatives of $name', (test) => {
    const data = drawData(test)
    const values = toValues(data.tensors)
    const { labelSmoothing } = test
    const run = (parameters: ReadonlyMap<string, Float64Array>, pictures: Volume) =>
      runReference(test.definition, parameters, pictures, {
        training: true,
        labels: data.labels,
        labelSmoothing,
      })
    const exact = run(values, data.images)
    const { gradients, images } = exact.backward()
    const largest = Math.max(...[...gradients.values()].map(norm))

    /** Compares the slope along a direction with the gradient's share in it. */
    const check = (name: string, gradient: Float64Array, lossAt: (moved: Float64Array) => number) => {
      const draw = new Draw(`direction of ${name}`)
      const length = 1 / Math.sqrt(gradient.length)
      const direction = gradient.map(() => draw.pick([-length, length]))
      // Small enough to cross no kink that drawData left, large enough to rise above the rounding of the loss.
      const step = 1e-7
      const slope =
        (lossAt(direction.map((d) => step * d)) - lossAt(direction.map((d) => -step * d))) / (2 * step)
      const expected = gradient.reduce((sum, g, i) => sum + g * direction[i]!, 0)
      expect(Math.abs(slope - expected) / largest, `slope along ${name}`).toBeLessThan(1e-6)
    }
    // Of a large network some parameters stand for all: they are of the same layers.
    const every = Math.ceil(gradients.size / 12)
    for (const [name, gradient] of [...gradients].filter((_, i) => i % every === 0)) {
      const from = values.get(name)!
      check(name, gradient, (by) => run(new Map(values).set(name, sum(from, by)), data.images).loss)
    }
    const { shape, data: pixels } = data.images
    check('the images', images, (by) => run(values, { shape, data: sum(pixels, by) }).loss)
  })
})

function sum(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((x, i) => x + b[i]!)
}
