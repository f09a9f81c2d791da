import { describe, expect, it } from 'vitest'
import { checkStateDict, compareStateDict, type StateDict } from '../../lib/tensors.js'

const expected = [
  { name: 'a.weight', shape: [2, 3] },
  { name: 'a.bias', shape: [2] },
]
const complete = (): StateDict =>
  new Map(
    expected.map(({ name, shape }) => [name, { shape, data: new Float32Array(shape.length === 2 ? 6 : 2) }]),
  )

describe('a state dict', () => {
  it('matches when it has every name, and batch counts or none', () => {
    const counted = complete().set('a.num_batches_tracked', { shape: [], data: Float32Array.of(3) })
    for (const dict of [complete(), counted]) {
      expect(compareStateDict(dict, expected)).toEqual({ missing: [], unexpected: [] })
      expect(checkStateDict(dict, expected)).toEqual({ missing: [], unexpected: [] })
    }
  })

  it('that lacks tensors is refused with their names', () => {
    const dict = complete()
    dict.delete('a.bias')
    expect(compareStateDict(dict, expected)).toEqual({ missing: ['a.bias'], unexpected: [] })
    expect(() => checkStateDict(dict, expected)).toThrowError(
      expect.objectContaining({
        code: 'ERR_GOOGLENET_WEIGHTS_MISSING',
        message: "the state dict lacks 1 of the network's 2 tensors: a.bias",
      }),
    )
  })

  it('that holds others is refused with the first of their names', () => {
    const dict = complete()
    for (let i = 0; i < 7; i++) dict.set(`x${i}`, { shape: [1], data: new Float32Array(1) })
    expect(compareStateDict(dict, expected).unexpected).toHaveLength(7)
    expect(() => checkStateDict(dict, expected)).toThrowError(
      expect.objectContaining({
        code: 'ERR_GOOGLENET_WEIGHTS_UNEXPECTED',
        message: expect.stringContaining('x0, x1, x2, x3, x4, and 2 more'),
      }),
    )
  })

  it.each([
    ['ERR_GOOGLENET_SHAPE', { shape: [3, 2], data: new Float32Array(6) }],
    ['ERR_GOOGLENET_SHAPE', { shape: [2, 3, 1], data: new Float32Array(6) }],
    ['ERR_GOOGLENET_SHAPE', { shape: [2, 3], data: new Float32Array(5) }],
    ['ERR_GOOGLENET_SHAPE', { data: new Float32Array(6) }],
    ['ERR_GOOGLENET_DTYPE', { shape: [2, 3], data: new Float64Array(6) }],
    ['ERR_GOOGLENET_DTYPE', { shape: [2, 3], data: [0, 0, 0, 0, 0, 0] }],
  ])('with a wrong tensor is refused with %s, strict or not: %o', (code, tensor) => {
    const dict = complete().set('a.weight', tensor as never)
    expect(() => compareStateDict(dict, expected)).toThrowError(expect.objectContaining({ code }))
  })

  it('that is no Map is refused', () => {
    expect(() => compareStateDict({} as StateDict, expected)).toThrowError(
      expect.objectContaining({ code: 'ERR_GOOGLENET_DTYPE' }),
    )
  })
})
