import type { NetworkDefinition } from '../../binding.js'
import { auxiliaryHead, type InceptionModule, type InceptionParts } from './blocks.js'
import type { NetworkBuilder, Output } from './builder.js'
import type { Unplaced } from './layer.js'
import { dropout, globalAveragePool, linear } from './layers/index.js'

export interface VariantOptions {
  classes: number
  channels: number
  /** Height and width of the images, 64 or more. */
  imageSize: number
  /** Width of the 1x1 reduction before 4d's 3x3: 144 in the paper. */
  reduction4d: number
  aux: boolean
  /** Shares of the values dropped in training: in the auxiliary heads, and before the classifier. */
  auxDropout: number
  dropout: number
}

/** Where variants differ between the stem and the heads. */
export interface BodyParts extends InceptionParts {
  module: InceptionModule
  /** The pools after 3b and 4e. */
  pool3: Unplaced
  pool4: Unplaced
  /** Makes the 4x4 cells of an auxiliary head of a map of `side` x `side`. */
  auxPool(side: number): Unplaced
}

/** Table 1 of the paper from the modules on: nine of them, two auxiliary heads (after 4a and 4d), the classifier. */
export function buildBody(
  net: NetworkBuilder,
  stem: Output,
  options: VariantOptions,
  parts: BodyParts,
): NetworkDefinition {
  const { module } = parts
  let x = module(net, 'inception_branch_a3', stem, [64, 96, 128, 16, 32, 32], parts)
  x = module(net, 'inception_branch_b3', x, [128, 128, 192, 32, 96, 64], parts)
  x = net.add('maxpool3', x, parts.pool3)
  const a4 = module(net, 'inception_branch_a4', x, [192, 96, 208, 16, 48, 64], parts)
  x = module(net, 'inception_branch_b4', a4, [160, 112, 224, 24, 64, 64], parts)
  x = module(net, 'inception_branch_c4', x, [128, 128, 256, 24, 64, 64], parts)
  const d4 = module(net, 'inception_branch_d4', x, [112, options.reduction4d, 288, 32, 64, 64], parts)
  x = module(net, 'inception_branch_e4', d4, [256, 160, 320, 32, 128, 128], parts)
  x = net.add('maxpool4', x, parts.pool4)
  x = module(net, 'inception_branch_a5', x, [256, 160, 320, 32, 128, 128], parts)
  x = module(net, 'inception_branch_b5', x, [384, 192, 384, 48, 128, 128], parts)
  x = net.add('avgpool5', x, globalAveragePool(x.height))
  if (options.dropout > 0) x = net.add('dropout', x, dropout(options.dropout))

  const main = net.add('fc', x, linear(options.classes))
  if (!options.aux) return net.build([{ layer: main.name, lossWeight: 1 }])
  const head = (name: string, from: Output) =>
    auxiliaryHead(net, name, from, { ...options, block: parts.block, pool: parts.auxPool(from.height) })
  return net.build([
    { layer: main.name, lossWeight: 1 },
    { layer: head('aux_fc1', a4).name, lossWeight: 0.3 },
    { layer: head('aux_fc2', d4).name, lossWeight: 0.3 },
  ])
}
