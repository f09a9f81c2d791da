/**
 * The names that tensors have where a variant comes from: torchvision's state dict (`inception3a.branch2.1.conv.weight`)
 * and BVLC Caffe's layers, as the ONNX model zoo's googlenet writes them (`inception_3a/3x3_w_0`).
 */
import type { Variant } from '../models/variants.js'
import type { StateDict } from '../tensors.js'

/** Layers of ours and of the source's: what comes before `.weight` in a name. */
type LayerNames = readonly (readonly [own: string, theirs: string])[]

interface SourceNames {
  layers: LayerNames
  /** The source's name of a layer's tensor. */
  join(layer: string, tensor: string): string
  /** A layer that every file has. */
  mark: string
}

const modules = ['3a', '3b', '4a', '4b', '4c', '4d', '4e', '5a', '5b'] as const
const ownModule = ([row, column]: string) => `inception_branch_${column}${row}`

/** A convolution and its BatchNorm, next to each other in ours. */
function normalised(own: string, index: number, theirs: string): LayerNames {
  return [
    [`${own}.${index}`, `${theirs}.conv`],
    [`${own}.${index + 1}`, `${theirs}.bn`],
  ]
}

const torchvision: LayerNames = [
  ...normalised('stem_conv', 0, 'conv1'),
  ...normalised('stem_conv', 4, 'conv2'),
  ...normalised('stem_conv', 7, 'conv3'),
  ...modules.flatMap((name) => {
    const [own, theirs] = [ownModule(name), `inception${name}`]
    return [
      ...normalised(`${own}.branch1`, 0, `${theirs}.branch1`),
      ...normalised(`${own}.branch2`, 0, `${theirs}.branch2.0`),
      ...normalised(`${own}.branch2`, 3, `${theirs}.branch2.1`),
      ...normalised(`${own}.branch3`, 0, `${theirs}.branch3.0`),
      ...normalised(`${own}.branch3`, 3, `${theirs}.branch3.1`),
      ...normalised(`${own}.branch4`, 1, `${theirs}.branch4.1`),
    ]
  }),
  ['fc', 'fc'],
  ...(['1', '2'] as const).flatMap(
    (head): LayerNames => [
      ...normalised(`aux_fc${head}.conv`, 1, `aux${head}.conv`),
      [`aux_fc${head}.fc.0`, `aux${head}.fc1`],
      [`aux_fc${head}.fc.3`, `aux${head}.fc2`],
    ],
  ),
]

const caffe: LayerNames = [
  ['stem_conv.0', 'conv1/7x7_s2'],
  ['stem_conv.4', 'conv2/3x3_reduce'],
  ['stem_conv.6', 'conv2/3x3'],
  ...modules.flatMap((name): LayerNames => {
    const [own, theirs] = [ownModule(name), `inception_${name}`]
    return [
      [`${own}.branch1.0`, `${theirs}/1x1`],
      [`${own}.branch2.0`, `${theirs}/3x3_reduce`],
      [`${own}.branch2.2`, `${theirs}/3x3`],
      [`${own}.branch3.0`, `${theirs}/5x5_reduce`],
      [`${own}.branch3.2`, `${theirs}/5x5`],
      [`${own}.branch4.1`, `${theirs}/pool_proj`],
    ]
  }),
  ['fc', 'loss3/classifier'],
  ...(['1', '2'] as const).flatMap(
    (head): LayerNames => [
      [`aux_fc${head}.conv.1`, `loss${head}/conv`],
      [`aux_fc${head}.fc.0`, `loss${head}/fc`],
      [`aux_fc${head}.fc.3`, `loss${head}/classifier`],
    ],
  ),
]

const blobs = new Map([
  ['weight', 'w_0'],
  ['bias', 'b_0'],
])

const sources: Readonly<Partial<Record<Variant, SourceNames>>> = {
  torchvision: {
    layers: torchvision,
    join: (layer, tensor) => `${layer}.${tensor}`,
    mark: 'conv1.conv.weight',
  },
  paper: {
    layers: caffe,
    join: (layer, tensor) => `${layer}_${blobs.get(tensor) ?? tensor}`,
    mark: 'conv1/7x7_s2_w_0',
  },
}

const tensorNames = ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']

/** Each name of ours and the source's. */
function pairs({ layers, join }: SourceNames): [own: string, theirs: string][] {
  return layers.flatMap(([own, theirs]) =>
    tensorNames.map((tensor): [string, string] => [`${own}.${tensor}`, join(theirs, tensor)]),
  )
}

/** The variant whose source's names the tensors have, if they have any's. */
export function sourceOf(names: { has(name: string): boolean }): Variant | undefined {
  const found = Object.entries(sources).find(([, { mark }]) => names.has(mark))
  return found?.[0] as Variant | undefined
}

/** The tensors under our names; those that the source does not know keep theirs. */
export function fromSourceNames(dict: StateDict, variant: Variant): StateDict {
  return renamed(dict, new Map(pairs(sources[variant]!).map(([own, theirs]) => [theirs, own])))
}

/** The tensors under the source's names; the seed's are ours. */
export function toSourceNames<T>(tensors: ReadonlyMap<string, T>, variant: Variant): Map<string, T> {
  const source = sources[variant]
  return renamed(tensors, new Map(source && pairs(source)))
}

function renamed<T>(tensors: ReadonlyMap<string, T>, names: ReadonlyMap<string, string>): Map<string, T> {
  return new Map([...tensors].map(([name, tensor]) => [names.get(name) ?? name, tensor]))
}
