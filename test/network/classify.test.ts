import { describe, expect, it } from 'vitest'
import type { Picture } from '../../binding.js'
import {
  checkClassifyOptions,
  checkPictures,
  classifyPictures,
  mostProbable,
  softmax,
} from '../../lib/classify.js'

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

  it('come first, with their labels and indices', () => {
    const [first, second] = mostProbable(Float32Array.of(1, 3, 2), labels, 2)
    expect(first).toMatchObject({ label: 'dog', index: 1 })
    expect(second).toMatchObject({ label: 'bird', index: 2 })
    expect(first!.probability).toBeGreaterThan(second!.probability)
  })

  it('are all there are when more are asked for', () => {
    const all = mostProbable(Float32Array.of(1, 3, 2), labels, 10)
    expect(all).toHaveLength(3)
    expect(all.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12)
  })
})

describe('pictures', () => {
  /** A stand-in for loader and network: a picture's content is one byte, its class. */
  const classes = ['a', 'b', 'c']
  const batches: number[] = []
  const by = {
    async decode(pictures: Picture[]) {
      batches.push(pictures.length)
      const failures = pictures.flatMap(({ source }, position) =>
        typeof source === 'string' ? [{ position, reason: 'no such file' }] : [],
      )
      const data = Uint8Array.from(pictures, ({ source }) => (source instanceof Uint8Array ? source[0]! : 0))
      return { data, positions: Int32Array.from(pictures.keys()), failures }
    },
    async forward(pixels: Uint8Array) {
      return Float32Array.from({ length: pixels.length * 3 }, (_, i) =>
        pixels[Math.floor(i / 3)] === i % 3 ? 9 : 0,
      )
    },
  }

  it('are answered in their order over batches of 32', async () => {
    batches.length = 0
    const inputs = Array.from({ length: 70 }, (_, i) => Uint8Array.of((i * 7) % 3))
    const answers = await classifyPictures(inputs, classes, 1, by)
    expect(answers.map(([best]) => best!.index)).toEqual(inputs.map(([value]) => value))
    expect(batches).toEqual([32, 32, 6])
  })

  it('of which there are none give no answers', async () => {
    await expect(classifyPictures([], classes, 1, by)).resolves.toEqual([])
  })

  it('that cannot be read are named', async () => {
    const inputs = [...Array.from({ length: 40 }, () => Uint8Array.of(1)), 'missing.jpg']
    await expect(classifyPictures(inputs, classes, 1, by)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_PICTURE',
      message: 'the picture missing.jpg cannot be read: no such file',
    })
  })

  it('must be paths or bytes', () => {
    expect(() => checkPictures(['a.jpg', new Uint8Array(3), Buffer.alloc(1)])).not.toThrow()
    expect(() => checkPictures(['a.jpg', 5 as never])).toThrowError(
      expect.objectContaining({
        code: 'ERR_GOOGLENET_DTYPE',
        message: expect.stringContaining('found 5 at 1'),
      }),
    )
  })

  it('are resized so that the crop is 7/8 of the shorter side', () => {
    expect(checkClassifyOptions({}, 224)).toEqual({ top: 5, resize: 256 })
    expect(checkClassifyOptions({}, 96)).toEqual({ top: 5, resize: 110 })
    expect(checkClassifyOptions({ top: 1, resize: 96 }, 96)).toEqual({ top: 1, resize: 96 })
  })

  it.each([{ top: 0 }, { top: 1.5 }, { resize: 223 }, { resize: Number.NaN }])(
    'are not taken with %o',
    (options) => {
      expect(() => checkClassifyOptions(options, 224)).toThrowError(
        expect.objectContaining({ code: 'ERR_GOOGLENET_OPTION' }),
      )
    },
  )
})
