/**
 * The table of layer cases: every backend has to compute each row, in each precision, as the reference does. A new
 * layer needs one row. A row's layers read `stem`, a convolution of the images, so that their input gradient shows
 * in the stem's weights; the last of them feeds the head, unless the row names its own heads.
 */
import type { HeadDefinition, LayerDefinition, NetworkDefinition } from '../../binding.js'
import { Draw } from './draw.js'
import {
  adaptiveAveragePool,
  averagePool,
  block,
  concat,
  conv,
  dropout,
  linear,
  lrn,
  maxPool,
  norm,
  relu,
} from './layers.js'
import { randomLayers } from './randomNetwork.js'

export interface Row {
  name: string
  layers(draw: Draw): LayerDefinition[]
  heads?: HeadDefinition[]
  labelSmoothing?: number
  images?: 'float32' | 'uint8'
  layout?: 'nchw' | 'nhwc'
  bgr?: boolean
  /** Pixels and convolutions' weights are multiples of 1/2, so that many sums are equal to the bit. */
  coarse?: boolean
  /** Images of 13 to 16 pixels, four or five of them: enough for what pays only with many pixels. */
  large?: boolean
}

export interface Case {
  name: string
  definition: NetworkDefinition
  batch: number
  labelSmoothing: number
  images: 'float32' | 'uint8'
  layout: 'nchw' | 'nhwc'
  coarse: boolean
}

const CLASSES = 7
const width = (draw: Draw) => draw.whole(2, 21)

/** Branches of an inception module on `input`, joined as `name`. */
function inception(name: string, input: string, draw: Draw): LayerDefinition[] {
  const [a, b, c, d] = ['1', '2', '3', '4'].map((branch) => `${name}.${branch}`)
  return [
    ...block(a!, input, width(draw)),
    ...block(`${b}.reduce`, input, width(draw)),
    ...block(b!, `${b}.reduce`, width(draw), 3, { padding: 1 }),
    ...block(`${c}.reduce`, input, width(draw)),
    ...block(c!, `${c}.reduce`, width(draw), 5, { padding: 2 }),
    maxPool(`${d}.pool`, input, 3, 1, 1),
    ...block(d!, `${d}.pool`, width(draw)),
    concat(name, a!, b!, c!, d!),
  ]
}

function convolutionRow(kernel: number): Row {
  return {
    name: `convolution ${kernel}x${kernel}`,
    layers: (draw) => {
      const [stride, padding] = [draw.whole(1, 3), draw.whole(0, kernel - 1)]
      return [conv('a', 'stem', width(draw), kernel, { stride, padding, bias: draw.pick([true, false]) })]
    },
  }
}

/** As wide as networks have them. */
function wideConvolutionRow(kernel: number): Row {
  return {
    name: `wide convolution ${kernel}x${kernel}`,
    large: true,
    layers: (draw) => [
      ...block('reduce', 'stem', draw.whole(16, 24)),
      ...block('a', 'reduce', draw.whole(16, 40), kernel, { padding: draw.whole(1, kernel - 1) }),
      averagePool('b', 'a', 2, 2),
    ],
  }
}

function poolRow(name: string, pool: typeof maxPool, kernels: readonly number[], padded: boolean): Row {
  return {
    name,
    layers: (draw) => {
      const kernel = draw.pick(kernels)
      return [pool('a', 'stem', kernel, draw.whole(1, kernel + 1), padded ? draw.whole(0, kernel - 1) : 0)]
    },
  }
}

const ceilMaxPool: typeof maxPool = (name, input, kernel, stride, padding) =>
  maxPool(name, input, kernel, stride, padding, true)

export const rows: readonly Row[] = [
  { name: 'linear', layers: () => [] },
  { name: 'linear without bias', layers: () => [linear('a', 'stem', 19, false)] },
  { name: 'linear with ReLU', layers: () => [linear('a', 'stem', 33), relu('b', 'a'), linear('c', 'b', 5)] },
  convolutionRow(1),
  convolutionRow(2),
  convolutionRow(3),
  convolutionRow(5),
  convolutionRow(7),
  wideConvolutionRow(3),
  wideConvolutionRow(5),
  { name: 'convolution with ReLU', layers: (d) => [conv('a', 'stem', width(d), 3), relu('b', 'a')] },
  {
    name: 'convolution of images',
    layers: (d) => [conv('a', 'input', width(d), 5, { stride: 2, padding: 2 })],
  },
  {
    name: 'convolution with BatchNorm',
    layers: (d) => [conv('a', 'stem', width(d), 3, { padding: 1 }), norm('b', 'a', 1e-5, 0.3)],
  },
  {
    name: 'convolution with BatchNorm and ReLU',
    layers: (d) => block('a', 'stem', width(d), 3, { padding: 1, bias: d.pick([true, false]) }),
  },
  { name: 'BatchNorm', layers: () => [maxPool('p', 'stem', 2), norm('a', 'p', 1e-3)] },
  { name: 'BatchNorm with ReLU', layers: () => [maxPool('p', 'stem', 2), norm('a', 'p'), relu('b', 'a')] },
  {
    name: 'BatchNorm, ReLU and max pool',
    layers: (d) => [...block('a', 'stem', width(d), 3, { padding: 1 }), maxPool('b', 'a', 3, 2, 1)],
  },
  {
    name: 'BatchNorm and ceil max pool',
    layers: (d) => [conv('a', 'stem', width(d)), norm('b', 'a'), ceilMaxPool('c', 'b', 2, 2)],
  },
  {
    name: 'BatchNorm of its own and max pool, into a slice',
    layers: () => [
      maxPool('p', 'stem', 2),
      norm('a', 'p'),
      relu('b', 'a'),
      maxPool('c', 'b', 3, 1, 1),
      concat('e', 'c', 'p'),
    ],
  },
  { name: 'BatchNorm of images', layers: () => [norm('a', 'input'), concat('b', 'a', 'stem')] },
  {
    name: 'BatchNorm of a convolution with another reader',
    layers: (d) => [conv('a', 'stem', width(d)), norm('b', 'a'), relu('c', 'b'), concat('e', 'a', 'c')],
  },
  { name: 'ReLU', layers: () => [relu('a', 'stem'), maxPool('b', 'stem', 3), relu('c', 'b')] },
  poolRow('max pool', maxPool, [2, 3, 5], true),
  { ...poolRow('max pool of equal values', maxPool, [2, 3, 5], true), coarse: true },
  poolRow('ceil max pool', ceilMaxPool, [2, 3, 5], true),
  poolRow('average pool', averagePool, [2, 3, 5], false),
  {
    name: 'adaptive average pool',
    layers: (d) => [adaptiveAveragePool('a', 'stem', d.whole(2, 6))],
  },
  {
    name: 'adaptive average pool with more cells than pixels',
    layers: (d) => [maxPool('p', 'stem', 3, 3), adaptiveAveragePool('a', 'p', d.whole(4, 7))],
  },
  { name: 'LRN of GoogLeNet', layers: () => [lrn('a', 'stem', { size: 5, alpha: 0.9, beta: 0.75, k: 1 })] },
  {
    name: 'LRN',
    layers: (d) => {
      const figures = { size: d.whole(1, 9), alpha: d.real(0.1, 2), beta: d.real(0.2, 2), k: d.real(0.5, 2) }
      return [lrn('a', 'stem', figures)]
    },
  },
  {
    name: 'LRN before and after slices',
    layers: (d) => [
      ...block('a', 'stem', width(d)),
      ...block('b', 'stem', width(d), 3, { padding: 1 }),
      lrn('c', 'b', { size: 5, alpha: 0.5, beta: 0.75, k: 2 }),
      concat('e', 'c', 'a', 'b'),
      lrn('f', 'e', { size: 3, alpha: 0.5, beta: 0.75, k: 1 }),
      maxPool('g', 'e', 3, 1, 1),
      concat('z', 'f', 'g', 'e'),
    ],
  },
  { name: 'max pool of images', layers: () => [maxPool('a', 'input', 3, 2, 1)] },
  { name: 'concat', layers: (d) => [conv('a', 'stem', width(d)), relu('b', 'stem'), concat('c', 'b', 'a')] },
  { name: 'concat of one tensor, twice', layers: () => [relu('a', 'stem'), concat('b', 'a', 'a', 'input')] },
  {
    name: 'nested concats',
    layers: (d) => [
      ...block('a', 'stem', width(d)),
      ...block('b', 'stem', width(d), 3, { padding: 1 }),
      concat('ab', 'a', 'b'),
      maxPool('p', 'ab', 3, 1, 1),
      concat('inner', 'p', 'ab'),
      ...block('c', 'stem', width(d)),
      concat('outer', 'inner', 'c', 'ab'),
      relu('z', 'outer'),
    ],
  },
  {
    name: 'sibling 1x1 convolutions',
    layers: (d) => [
      ...block('a', 'stem', width(d)),
      ...block('b', 'stem', width(d)),
      ...block('c', 'stem', width(d)),
      maxPool('p', 'b', 3, 1, 1),
      concat('e', 'c', 'a', 'p'),
    ],
  },
  {
    name: 'siblings that differ in bias, ReLU and epsilon',
    layers: (d) => [
      ...block('a', 'stem', width(d)),
      ...block('b', 'stem', width(d), 1, { bias: false }),
      conv('c.conv', 'stem', width(d)),
      norm('c', 'c.conv'),
      conv('e.conv', 'stem', width(d)),
      norm('e', 'e.conv', 0.3),
      concat('z', 'a', 'b', 'c', 'e'),
    ],
  },
  {
    name: 'several readers',
    layers: (d) => [
      ...block('a', 'stem', width(d)),
      conv('b', 'a', width(d), 3, { padding: 1 }),
      maxPool('c', 'a', 3, 1, 1),
      relu('e', 'a'),
      dropout('f', 'a', 0),
      averagePool('g', 'a', 1),
      concat('z', 'a', 'b', 'c', 'e', 'f', 'g'),
    ],
  },
  { name: 'inception module', layers: (d) => inception('a', 'stem', d) },
  {
    name: 'inception modules',
    layers: (d) => [...inception('a', 'stem', d), ...inception('b', 'a', d), maxPool('p', 'b', 3, 2, 1)],
  },
  { name: 'dropout of nothing', layers: () => [relu('a', 'stem'), dropout('b', 'a', 0)] },
  {
    name: 'a layer that no head needs',
    layers: (d) => [...block('dead', 'stem', 5), conv('a', 'stem', width(d))],
  },
  {
    name: 'several heads',
    layers: (d) => [
      ...block('a', 'stem', width(d)),
      ...block('b', 'a', width(d)),
      linear('main', 'b', CLASSES),
      linear('aux', 'a', CLASSES),
      linear('none', 'stem', CLASSES, false),
    ],
    heads: [
      { layer: 'main', lossWeight: 1 },
      { layer: 'aux', lossWeight: 0.3 },
      { layer: 'none', lossWeight: 0 },
    ],
  },
  { name: 'label smoothing', layers: () => [relu('a', 'stem')], labelSmoothing: 0.1 },
  { name: 'float NHWC images', layers: (d) => block('a', 'stem', width(d)), layout: 'nhwc' },
  { name: 'uint8 NCHW images', layers: (d) => block('a', 'stem', width(d)), images: 'uint8' },
  { name: 'uint8 NHWC images', layers: (d) => block('a', 'stem', width(d)), images: 'uint8', layout: 'nhwc' },
  {
    name: 'BGR uint8 NHWC images',
    layers: (d) => block('a', 'stem', width(d)),
    images: 'uint8',
    layout: 'nhwc',
    bgr: true,
  },
  {
    name: 'BGR uint8 NCHW images',
    layers: (d) => block('a', 'stem', width(d)),
    images: 'uint8',
    bgr: true,
  },
  { name: 'float images of a BGR network', layers: (d) => block('a', 'stem', width(d)), bgr: true },
  ...Array.from({ length: 8 }, (_, i) => ({
    name: `random layers ${i + 1}`,
    layers: (draw: Draw) => randomLayers(draw, 'stem', 12),
  })),
]

/** A row with sizes drawn for it. */
export function drawCase(row: Row, number: number): Case {
  const draw = new Draw(`${row.name} ${number}`)
  const channels = draw.pick([1, 2, 3, 4])
  const side = () => (row.large ? draw.whole(13, 16) : draw.whole(7, 10))
  const [height, width] = [side(), side()]
  const body = row.layers(draw)
  const last = body.at(-1)?.name ?? 'stem'
  const heads = row.heads ?? [{ layer: 'head', lossWeight: 1 }]
  return {
    name: `${row.name}, ${number}`,
    definition: {
      input: {
        channels,
        height,
        width,
        mean: [...draw.reals(channels, 0.3, 0.6)],
        std: [...draw.reals(channels, 0.2, 0.3)],
        ...(row.bgr && { bgr: true }),
      },
      layers: [
        conv('stem', 'input', draw.whole(2, 17), 3, { padding: 1 }),
        ...body,
        ...(row.heads ? [] : [linear('head', last, CLASSES)]),
      ],
      heads,
    },
    batch: row.large ? draw.whole(4, 5) : draw.whole(1, 9),
    labelSmoothing: row.labelSmoothing ?? 0,
    images: row.images ?? 'float32',
    layout: row.layout ?? 'nchw',
    coarse: row.coarse ?? false,
  }
}
