import type { NetworkDefinition } from '../../binding.js'
import { auxiliaryHead, convBlock, halve, type InceptionModule, inception } from './blocks.js'
import { NetworkBuilder } from './builder.js'
import { globalAveragePool, linear } from './layers/index.js'

export interface SeedOptions {
  classes: number
  channels: number
  /** Height and width of the images, 64 or more. */
  imageSize: number
  /** Width of the 1x1 reduction before 4d's 3x3: 114, or the paper's 144. */
  reduction4d: number
  aux: boolean
  auxDropout: number
}

/**
 * GoogLeNet (Szegedy et al., "Going deeper with convolutions", arXiv 1409.4842, table 1) with a BatchNorm after
 * every convolution. The second argument swaps the module, to compare.
 */
export function seed(options: SeedOptions, module: InceptionModule = inception): NetworkDefinition {
  const net = new NetworkBuilder(imageInput(options))
  let x = net.sequential('stem_conv', net.images, [
    ...convBlock(64, 7, 2),
    halve(),
    ...convBlock(192, 3),
    halve(),
  ])
  x = module(net, 'inception_branch_a3', x, [64, 96, 128, 16, 32, 32])
  x = module(net, 'inception_branch_b3', x, [128, 128, 192, 32, 96, 64])
  x = net.add('maxpool3', x, halve())
  const a4 = module(net, 'inception_branch_a4', x, [192, 96, 208, 16, 48, 64])
  x = module(net, 'inception_branch_b4', a4, [160, 112, 224, 24, 64, 64])
  x = module(net, 'inception_branch_c4', x, [128, 128, 256, 24, 64, 64])
  const d4 = module(net, 'inception_branch_d4', x, [112, options.reduction4d, 288, 32, 64, 64])
  x = module(net, 'inception_branch_e4', d4, [256, 160, 320, 32, 128, 128])
  x = net.add('maxpool4', x, halve())
  x = module(net, 'inception_branch_a5', x, [256, 160, 320, 32, 128, 128])
  x = module(net, 'inception_branch_b5', x, [384, 192, 384, 48, 128, 128])
  x = net.add('avgpool5', x, globalAveragePool(x.height))

  const main = net.add('fc', x, linear(options.classes))
  if (!options.aux) return net.build([{ layer: main.name, lossWeight: 1 }])
  const aux1 = auxiliaryHead(net, 'aux_fc1', a4, options)
  const aux2 = auxiliaryHead(net, 'aux_fc2', d4, options)
  return net.build([
    { layer: main.name, lossWeight: 1 },
    { layer: aux1.name, lossWeight: 0.3 },
    { layer: aux2.name, lossWeight: 0.3 },
  ])
}

/** RGB pictures are normalised by ImageNet's mean and deviation, others to about -1 to 1. */
function imageInput({ channels, imageSize }: SeedOptions): NetworkDefinition['input'] {
  const rgb = channels === 3
  return {
    channels,
    height: imageSize,
    width: imageSize,
    mean: rgb ? [0.485, 0.456, 0.406] : Array<number>(channels).fill(0.5),
    std: rgb ? [0.229, 0.224, 0.225] : Array<number>(channels).fill(0.5),
  }
}
