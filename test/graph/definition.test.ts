/** Networks that the graph refuses, however they came past lib/models. */
import { describe, expect, it } from 'vitest'
import type { LayerDefinition, NetworkDefinition } from '../../binding.js'
import { binding } from '../../lib/native.js'
import {
  adaptiveAveragePool,
  averagePool,
  concat,
  conv,
  dropout,
  linear,
  lrn,
  maxPool,
  norm,
} from '../conformance/layers.js'

const network = (layers: LayerDefinition[], heads = ['head']): NetworkDefinition => ({
  input: { channels: 3, height: 8, width: 8, mean: [0, 0, 0], std: [1, 1, 1] },
  layers,
  heads: heads.map((layer) => ({ layer, lossWeight: 1 })),
})
const headed = (...layers: LayerDefinition[]) =>
  network([...layers, linear('head', layers.at(-1)?.name ?? 'input', 4)])
const input = (change: Partial<NetworkDefinition['input']>): NetworkDefinition => {
  const whole = headed()
  return { ...whole, input: { ...whole.input, ...change } }
}
const option = 'ERR_GOOGLENET_OPTION'
const shape = 'ERR_GOOGLENET_SHAPE'

const refused: [string, NetworkDefinition, string, RegExp][] = [
  ['no head', network([linear('head', 'input', 4)], []), option, /at least one head/],
  [
    'a head that is no layer',
    network([linear('head', 'input', 4)], ['other']),
    option,
    /"other" names no layer/,
  ],
  [
    'the images as a head',
    network([linear('head', 'input', 4)], ['input']),
    option,
    /"input" names no layer/,
  ],
  ['a head that is not linear', network([conv('head', 'input', 4)]), shape, /"head".*linear/],
  ['a head named twice', network([linear('head', 'input', 4)], ['head', 'head']), shape, /"head".*twice/],
  [
    'a head that another layer reads',
    network([linear('aux', 'input', 4), linear('head', 'aux', 4)], ['head', 'aux']),
    shape,
    /"aux".*another layer/,
  ],
  [
    'heads of different classes',
    network([linear('a', 'input', 4), linear('b', 'input', 5)], ['a', 'b']),
    shape,
    /"b".*same number of classes/,
  ],
  [
    'nine heads',
    network(
      Array.from({ length: 9 }, (_, i) => linear(`h${i}`, 'input', 4)),
      Array.from({ length: 9 }, (_, i) => `h${i}`),
    ),
    option,
    /at most 8 heads/,
  ],
  ['an unknown input', headed(conv('a', 'missing', 4)), shape, /"a".*"missing"/],
  ['an input that comes later', headed(conv('a', 'b', 4), conv('b', 'input', 4)), shape, /"a".*"b"/],
  ['a name used twice', headed(conv('a', 'input', 4), conv('a', 'input', 4)), shape, /"a".*twice/],
  ['the name of the images', headed(conv('input', 'input', 4)), shape, /"input".*twice/],
  ['a window that does not fit', headed(conv('a', 'input', 4, 9)), shape, /"a".*window of 9.*3x8x8/],
  ['padding as wide as the kernel', headed(maxPool('a', 'input', 3, 1, 3)), shape, /"a".*padding < kernel/],
  ['a max pool of 16', headed(maxPool('a', 'input', 16, 1, 8)), shape, /"a".*at most 15/],
  [
    'a padded average pool',
    headed({ ...averagePool('a', 'input', 2), padding: 1 } as LayerDefinition),
    shape,
    /"a".*no padding/,
  ],
  [
    'a concat of different sizes',
    headed(conv('a', 'input', 4, 3), concat('b', 'a', 'input')),
    shape,
    /"b".*4x6x6 and 3x8x8/,
  ],
  ['a concat of nothing', headed(concat('a')), shape, /"a".*no input/],
  [
    'an average pool that rounds up',
    headed({ ...averagePool('a', 'input', 2), ceil: true } as LayerDefinition),
    shape,
    /"a".*no ceil/,
  ],
  ['an adaptive pool to nothing', headed(adaptiveAveragePool('a', 'input', 0)), option, /size/],
  [
    'LRN that divides by nothing',
    headed(lrn('a', 'input', { size: 5, alpha: 1, beta: 0.75, k: 0 })),
    shape,
    /"a".*0 < k/,
  ],
  [
    'LRN of a negative power',
    headed(lrn('a', 'input', { size: 5, alpha: 1, beta: -1, k: 1 })),
    option,
    /beta/,
  ],
  ['initial values of a name that is none', { ...headed(), initial: 'zeros' as 'normal' }, option, /initial/],
  ['dropout of everything', headed(dropout('a', 'input', 1)), shape, /"a".*probability/],
  ['BatchNorm without epsilon', headed(norm('a', 'input', 0)), shape, /"a".*epsilon/],
  ['figures for other channels', input({ mean: [0, 0] }), option, /one figure a channel/],
  ['a deviation of zero', input({ std: [1, 0, 1] }), option, /std/],
  ['images without channels', input({ channels: 0 }), option, /channels/],
  ['a tensor beyond 2^31', input({ height: 65535, width: 65535 }), shape, /2147483647/],
]

describe('the graph', () => {
  it.each(refused)('refuses %s', async (_, definition, code, message) => {
    const options = { device: 'cpu', precision: 'fp32', seed: 0, threads: 1 } as const
    await expect(binding.Network.create(definition, options)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
  })
})
