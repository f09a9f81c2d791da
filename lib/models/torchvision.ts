import type { NetworkDefinition } from '../../binding.js'
import { halveUp, type InceptionModule, inception, normalised } from './blocks.js'
import { buildBody, type VariantOptions } from './body.js'
import { NetworkBuilder } from './builder.js'
import { adaptiveAveragePool } from './layers/index.js'

const block = normalised({ bias: false, epsilon: 1e-3 })

/**
 * torchvision.models.googlenet: BatchNorm after every convolution, 3x3 where the paper has 5x5. The second argument
 * swaps the module.
 */
export function torchvision(options: VariantOptions, module: InceptionModule = inception): NetworkDefinition {
  const net = new NetworkBuilder(imageInput(options))
  const stem = net.sequential('stem_conv', net.images, [
    ...block(64, 7, 2),
    halveUp(3),
    ...block(64, 1),
    ...block(192, 3),
    halveUp(3),
  ])
  const pools = { pool3: halveUp(3), pool4: halveUp(2), auxPool: () => adaptiveAveragePool(4) }
  return { ...buildBody(net, stem, options, { module, block, widest: 3, ...pools }), initial: 'normal' }
}

/** From -1 to 1: what transform_input makes of pictures that ImageNet's mean and deviation have normalised. */
function imageInput({ channels, imageSize }: VariantOptions): NetworkDefinition['input'] {
  const halves = () => Array<number>(channels).fill(0.5)
  return { channels, height: imageSize, width: imageSize, mean: halves(), std: halves() }
}
