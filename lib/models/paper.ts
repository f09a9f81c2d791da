import type { NetworkDefinition } from '../../binding.js'
import { halveUp, type InceptionModule, inception, plain } from './blocks.js'
import { buildBody, type VariantOptions } from './body.js'
import { NetworkBuilder } from './builder.js'
import { averagePoolTo, lrn } from './layers/index.js'

/**
 * GoogLeNet as the paper has it (Szegedy et al., "Going deeper with convolutions", arXiv 1409.4842): layer by layer
 * BVLC Caffe's bvlc_googlenet, which is the ONNX model zoo's googlenet. The second argument swaps the module.
 */
export function paper(options: VariantOptions, module: InceptionModule = inception): NetworkDefinition {
  const net = new NetworkBuilder(imageInput(options))
  const stem = net.sequential('stem_conv', net.images, [
    ...plain(64, 7, 2),
    halveUp(3),
    lrn(),
    ...plain(64, 1),
    ...plain(192, 3),
    lrn(),
    halveUp(3),
  ])
  const pools = { pool3: halveUp(3), pool4: halveUp(3), auxPool: (side: number) => averagePoolTo(side, 4) }
  return {
    ...buildBody(net, stem, options, { module, block: plain, widest: 5, ...pools }),
    initial: 'xavier',
  }
}

/** Pixels from 0 to 255 in the order B, G, R, less ImageNet's mean (of other channels less the middle). */
function imageInput({ channels, imageSize }: VariantOptions): NetworkDefinition['input'] {
  const colour = channels === 3
  const mean = colour ? [104, 117, 123] : Array<number>(channels).fill(127.5)
  return {
    channels,
    height: imageSize,
    width: imageSize,
    mean: mean.map((value) => value / 255),
    std: Array<number>(channels).fill(1 / 255),
    ...(colour && { bgr: true }),
  }
}
