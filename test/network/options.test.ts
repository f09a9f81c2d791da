import { describe, expect, it } from 'vitest'
import { type CreateOptions, checkModelOptions, checkRunOptions } from '../../lib/options.js'

describe('options', () => {
  it('are completed', () => {
    expect(checkModelOptions({})).toMatchObject({
      variant: 'seed',
      classes: 1000,
      channels: 3,
      imageSize: 224,
      reduction4d: 114,
      aux: true,
      auxDropout: 0.5,
      dropout: 0,
      seed: 0,
    })
    const others = { reduction4d: 144, auxDropout: 0.7 }
    expect(checkModelOptions({ variant: 'paper' })).toMatchObject({ ...others, dropout: 0.4 })
    expect(checkModelOptions({ variant: 'torchvision' })).toMatchObject({ ...others, dropout: 0.2 })
    expect(checkRunOptions({})).toEqual({
      device: 'auto',
      precision: 'fp32',
      threads: 0,
      tf32: false,
      deterministic: false,
      tune: false,
      planCache: expect.stringMatching(/^\/.*\/googlenet\/cudnn-plans$/),
    })
  })

  it('keep what is given, and nothing else', () => {
    const given = {
      channels: 1,
      imageSize: 65,
      reduction4d: 1,
      aux: false,
      auxDropout: 0,
      dropout: 0.1,
      seed: 7,
    } as const
    expect(checkModelOptions({ ...given, classes: 1, device: 'cpu' })).toEqual({
      ...given,
      variant: 'seed',
      classes: 1,
      labels: ['0'],
    })
  })

  it('take names of classes as labels, and number the others', () => {
    expect(checkModelOptions({ classes: ['cat', 'dog'] })).toMatchObject({
      classes: 2,
      labels: ['cat', 'dog'],
    })
    expect(checkModelOptions({ classes: 3 }).labels).toEqual(['0', '1', '2'])
  })

  it.each(['auto', 'cpu', 'cuda', 'cuda:0', 'cuda:12'] as const)('take the device %s', (device) => {
    expect(checkRunOptions({ device }).device).toBe(device)
  })

  const wrong: [keyof CreateOptions, unknown][] = [
    ['variant', 'inception'],
    ['classes', 0],
    ['classes', -1],
    ['classes', 2.5],
    ['classes', Number.NaN],
    ['classes', 1e9],
    ['classes', '10'],
    ['classes', []],
    ['classes', ['cat', 'cat']],
    ['classes', ['cat', '']],
    ['classes', ['cat', 3]],
    ['channels', 0],
    ['channels', 1e6],
    ['channels', '3'],
    ['imageSize', 63],
    ['imageSize', 64.5],
    ['imageSize', Number.POSITIVE_INFINITY],
    ['imageSize', [224, 224]],
    ['reduction4d', 0],
    ['reduction4d', 114.5],
    ['aux', 'no'],
    ['dropout', 1],
    ['dropout', Number.NaN],
    ['auxDropout', 1],
    ['auxDropout', -0.1],
    ['auxDropout', Number.NaN],
    ['seed', -1],
    ['seed', 0.5],
    ['seed', 2 ** 53],
    ['seed', 1n],
    ['device', 'gpu'],
    ['device', 'cuda:'],
    ['device', 'cuda:-1'],
    ['device', 0],
    ['precision', 'fp64'],
    ['threads', -1],
    ['threads', 1.5],
    ['tf32', 1],
    ['deterministic', 'yes'],
    ['tune', 0],
    ['planCache', ''],
    ['planCache', true],
  ]
  it.each(wrong)('are refused by name: %s = %o', (name, value) => {
    const options = { [name]: value } as CreateOptions
    expect(() => ({ ...checkModelOptions(options), ...checkRunOptions(options) })).toThrowError(
      expect.objectContaining({
        code: 'ERR_GOOGLENET_OPTION',
        message: expect.stringMatching(new RegExp(`${name} must be .*(found|name)`)),
      }),
    )
  })

  it.each([null, 5, 'cpu'])('must be an object, not %o', (options) => {
    expect(() => checkModelOptions(options as never)).toThrowError(
      expect.objectContaining({ code: 'ERR_GOOGLENET_OPTION' }),
    )
  })
})
