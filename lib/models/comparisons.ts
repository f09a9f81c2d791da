import type { NetworkDefinition } from '../../binding.js'
import { NetworkBuilder } from './builder.js'
import type { Unplaced } from './layer.js'
import { convolution, dropout, linear, maxPool, relu } from './layers/index.js'

/** AlexNet in its one-tower form (Krizhevsky, "One weird trick", arXiv 1404.5997), as torchvision has it. */
export function alexNet(): NetworkDefinition {
  return chain([
    ...convRelu(64, { kernel: 11, stride: 4, padding: 2 }),
    maxPool({ kernel: 3, stride: 2 }),
    ...convRelu(192, { kernel: 5, padding: 2 }),
    maxPool({ kernel: 3, stride: 2 }),
    ...convRelu(384, { kernel: 3, padding: 1 }),
    ...convRelu(256, { kernel: 3, padding: 1 }),
    ...convRelu(256, { kernel: 3, padding: 1 }),
    maxPool({ kernel: 3, stride: 2 }),
    ...classifier(),
  ])
}

/** VGG-16 (Simonyan and Zisserman, arXiv 1409.1556, column D). */
export function vgg16(): NetworkDefinition {
  const stage = (outChannels: number, convolutions: number) => [
    ...Array.from({ length: convolutions }, () => convRelu(outChannels, { kernel: 3, padding: 1 })).flat(),
    maxPool({ kernel: 2, stride: 2 }),
  ]
  return chain([
    ...stage(64, 2),
    ...stage(128, 2),
    ...stage(256, 3),
    ...stage(512, 3),
    ...stage(512, 3),
    ...classifier(),
  ])
}

function convRelu(outChannels: number, window: Parameters<typeof convolution>[1]): Unplaced[] {
  return [convolution(outChannels, window), relu()]
}

function classifier(): Unplaced[] {
  return [linear(4096), relu(), dropout(0.5), linear(4096), relu(), dropout(0.5), linear(1000)]
}

function chain(layers: Unplaced[]): NetworkDefinition {
  const input = { channels: 3, height: 224, width: 224, mean: [0, 0, 0], std: [1, 1, 1] }
  const net = new NetworkBuilder(input)
  const logits = net.sequential('layers', net.images, layers)
  return net.build([{ layer: logits.name, lossWeight: 1 }])
}
