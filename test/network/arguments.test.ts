import { describe, expect, it } from 'vitest'
import { checkImages, checkLabels, type Images } from '../../lib/images.js'
import { checkStepOptions, type TrainStepOptions } from '../../lib/steps.js'

const input = { channels: 3, imageSize: 64 }
const values = 3 * 64 * 64

describe('images', () => {
  it('are floats or pixels, in either layout', () => {
    const shape = [2, 3, 64, 64]
    for (const data of [new Float32Array(2 * values), new Uint8Array(2 * values), Buffer.alloc(2 * values)]) {
      for (const layout of ['nchw', 'nhwc'] as const) {
        expect(checkImages({ data, shape, layout }, input)).toEqual({ data, shape, layout })
      }
      expect(checkImages({ data, shape }, input).layout).toBe('nchw')
    }
  })

  const wrongTypes = [
    new Float64Array(values),
    new Int8Array(values),
    new Uint8ClampedArray(values),
    Array(values).fill(0),
    new ArrayBuffer(values),
    'pixels',
    undefined,
  ]
  it.each(wrongTypes.map((data) => [data?.constructor.name, data]))('of type %s are refused', (_, data) => {
    const images = { data, shape: [1, 3, 64, 64] } as unknown as Images
    expect(() => checkImages(images, input)).toThrowError(
      expect.objectContaining({ code: 'ERR_GOOGLENET_DTYPE' }),
    )
  })

  it.each([undefined, null, new Float32Array(values)])(
    'that are no object with data are refused: %o',
    (images) => {
      expect(() => checkImages(images as never, input)).toThrowError(
        expect.objectContaining({ code: 'ERR_GOOGLENET_DTYPE' }),
      )
    },
  )

  it.each([
    [[0, 3, 64, 64]],
    [[-1, 3, 64, 64]],
    [[1.5, 3, 64, 64]],
    [[Number.NaN, 3, 64, 64]],
    [[2 ** 40, 3, 64, 64]],
    [[1, 64, 64, 3]],
    [[1, 3, 64, 65]],
    [[1, 1, 64, 64]],
    [[3, 64, 64]],
    [['1', 3, 64, 64]],
    [undefined],
    [new Int32Array([1, 3, 64, 64])],
  ])('of shape %o are refused with the shape that is wanted', (shape) => {
    const images = { data: new Float32Array(values), shape } as Images
    expect(() => checkImages(images, input)).toThrowError(
      expect.objectContaining({
        code: 'ERR_GOOGLENET_SHAPE',
        message: expect.stringContaining('[n, 3, 64, 64]'),
      }),
    )
  })

  it('whose data has another length are refused with both lengths', () => {
    const images: Images = { data: new Uint8Array(values - 1), shape: [1, 3, 64, 64] }
    expect(() => checkImages(images, input)).toThrowError(
      expect.objectContaining({
        code: 'ERR_GOOGLENET_SHAPE',
        message: 'images of shape [1, 3, 64, 64] hold 12288 values, found 12287',
      }),
    )
  })

  it('in an unknown layout are refused', () => {
    const images = {
      data: new Uint8Array(values),
      shape: [1, 3, 64, 64],
      layout: 'chwn',
    } as unknown as Images
    expect(() => checkImages(images, input)).toThrowError(
      expect.objectContaining({ code: 'ERR_GOOGLENET_OPTION' }),
    )
  })
})

describe('labels', () => {
  it('are one class for each image', () => {
    expect(() => checkLabels(Int32Array.of(0, 9, 5), 3, 10)).not.toThrow()
  })

  it.each([
    ['ERR_GOOGLENET_DTYPE', [0, 1]],
    ['ERR_GOOGLENET_DTYPE', new Uint8Array(2)],
    ['ERR_GOOGLENET_DTYPE', new Float32Array(2)],
    ['ERR_GOOGLENET_DTYPE', undefined],
    ['ERR_GOOGLENET_SHAPE', new Int32Array(1)],
    ['ERR_GOOGLENET_SHAPE', new Int32Array(3)],
    ['ERR_GOOGLENET_LABEL', Int32Array.of(0, 10)],
    ['ERR_GOOGLENET_LABEL', Int32Array.of(-1, 0)],
  ])('are refused with %s: %o', (code, labels) => {
    expect(() => checkLabels(labels as Int32Array, 2, 10)).toThrowError(expect.objectContaining({ code }))
  })

  it('out of range are named with their place', () => {
    expect(() => checkLabels(Int32Array.of(3, 0, 12), 3, 10)).toThrowError(
      'labels must be from 0 to 9, found 12 at 2',
    )
  })
})

describe('step options', () => {
  it('are completed with zeros', () => {
    expect(checkStepOptions({ learningRate: 0.1 })).toEqual({
      learningRate: 0.1,
      momentum: 0,
      weightDecay: 0,
      nesterov: false,
      labelSmoothing: 0,
      averageDecay: 0,
      accumulate: { index: 0, count: 1 },
    })
  })

  const wrong: [string, Partial<Record<keyof TrainStepOptions, unknown>>][] = [
    ['learningRate', { learningRate: Number.NaN }],
    ['learningRate', { learningRate: -0.1 }],
    ['learningRate', { learningRate: Number.POSITIVE_INFINITY }],
    ['learningRate', { learningRate: undefined }],
    ['momentum', { momentum: 1 }],
    ['momentum', { momentum: Number.NaN }],
    ['weightDecay', { weightDecay: -1 }],
    ['nesterov', { nesterov: 1 }],
    ['nesterov', { nesterov: true }],
    ['labelSmoothing', { labelSmoothing: 1.1 }],
    ['averageDecay', { averageDecay: 1 }],
    ['accumulate.index', { accumulate: { index: 2, count: 2 } }],
    ['accumulate.index', { accumulate: { index: -1, count: 2 } }],
    ['accumulate.count', { accumulate: { index: 0, count: 0 } }],
    ['accumulate.count', { accumulate: 5 }],
  ]
  it.each(wrong)('are refused by name: %s in %o', (name, options) => {
    expect(() => checkStepOptions({ learningRate: 0.1, ...options } as TrainStepOptions)).toThrowError(
      expect.objectContaining({
        code: 'ERR_GOOGLENET_OPTION',
        message: expect.stringMatching(new RegExp(`^${name} `)),
      }),
    )
  })
})
