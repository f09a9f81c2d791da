import type { NetworkDefinition } from '../../binding.js'
import { halve, type InceptionModule, inception, normalised } from './blocks.js'
import { buildBody, type VariantOptions } from './body.js'
import { NetworkBuilder } from './builder.js'
import { averagePoolTo } from './layers/index.js'

const block = normalised({ bias: true, epsilon: 1e-5 })

/**
 * GoogLeNet (Szegedy et al., "Going deeper with convolutions", arXiv 1409.4842, table 1) with a BatchNorm after
 * every convolution. The second argument swaps the module, to compare.
 */
export function seed(options: VariantOptions, module: InceptionModule = inception): NetworkDefinition {
  const net = new NetworkBuilder(imageInput(options))
  const stem = net.sequential('stem_conv', net.images, [
    ...block(64, 7, 2),
    halve(),
    ...block(192, 3),
    halve(),
  ])
  const auxPool = (side: number) => averagePoolTo(side, 4)
  return buildBody(net, stem, options, { module, block, widest: 5, pool3: halve(), pool4: halve(), auxPool })
}

/** RGB pictures are normalised by ImageNet's mean and deviation, others to about -1 to 1. */
function imageInput({ channels, imageSize }: VariantOptions): NetworkDefinition['input'] {
  const rgb = channels === 3
  return {
    channels,
    height: imageSize,
    width: imageSize,
    mean: rgb ? [0.485, 0.456, 0.406] : Array<number>(channels).fill(0.5),
    std: rgb ? [0.229, 0.224, 0.225] : Array<number>(channels).fill(0.5),
  }
}
