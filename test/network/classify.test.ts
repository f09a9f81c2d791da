import { describe, expect, it } from 'vitest'
import { checkPictures, mostProbable, pictureSource, softmax } from '../../lib/classify.js'

describe('softmax', () => {
  it('gives the shares of the exponentials', () => {
    const [a, b, c] = softmax(Float32Array.of(Math.log(1), Math.log(2), Math.log(5)))
    expect(a).toBeCloseTo(1 / 8, 6)
    expect(b).toBeCloseTo(2 / 8, 6)
    expect(c).toBeCloseTo(5 / 8, 6)
  })

  it('does not overflow, nor change when all logits rise alike', () => {
    const high = softmax(Float32Array.of(3e38, 3e38, -3e38))
    expect([...high]).toEqual([0.5, 0.5, 0])
    expect(softmax(Float32Array.of(1000, 1001))).toEqual(softmax(Float32Array.of(0, 1)))
  })
})

describe('the most probable classes', () => {
  const labels = ['cat', 'dog', 'bird']
  const logits = { shape: [2, 3], data: Float32Array.of(1, 3, 2, 0, 0, 5) }

  it('of each row come first, with their labels and indices', () => {
    const [first, second] = mostProbable(logits, labels, 2)
    expect(first).toMatchObject([
      { label: 'dog', index: 1 },
      { label: 'bird', index: 2 },
    ])
    expect(first![0]!.probability).toBeGreaterThan(first![1]!.probability)
    expect(second![0]).toMatchObject({ label: 'bird', index: 2 })
  })

  it('are all there are when more are asked for', () => {
    for (const row of mostProbable(logits, labels, 10)) {
      expect(row).toHaveLength(3)
      expect(row.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12)
    }
  })
})

describe('pictures', () => {
  it('are a source of samples with names for people', () => {
    const bytes = Uint8Array.of(1, 2, 3)
    const source = pictureSource(['a.jpg', bytes], ['cat', 'dog'])
    expect(source.length).toBe(2)
    expect(source.sample(0)).toMatchObject({ source: 'a.jpg', name: 'the picture a.jpg' })
    expect(source.sample(1)).toMatchObject({ source: bytes, name: 'the picture at 1 (Uint8Array(3))' })
  })

  it('must be paths or bytes', () => {
    expect(() => checkPictures(['a.jpg', new Uint8Array(3), Buffer.alloc(1)])).not.toThrow()
    for (const [wrong, found] of [
      [['a.jpg', 5], 'found 5 at 1'],
      [7, 'found 7'],
    ] as const) {
      expect(() => checkPictures(wrong as never)).toThrowError(
        expect.objectContaining({
          code: 'ERR_GOOGLENET_DTYPE',
          message: expect.stringContaining(found),
        }),
      )
    }
  })
})
