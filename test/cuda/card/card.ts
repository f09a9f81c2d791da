/** Small networks on the card, and what they train on. */
import { type CreateOptions, GoogLeNet, type TrainStepOptions } from '../../../lib/index.js'
import { classes, labels, size, waves } from '../../network/helpers.js'

export const sgd: TrainStepOptions = { learningRate: 0.01, momentum: 0.9, weightDecay: 1e-4 }

export function createOnCard(options: CreateOptions = {}): Promise<GoogLeNet> {
  return GoogLeNet.create({ classes, imageSize: size, device: 'cuda', seed: 5, ...options })
}

const BATCH = 8

/** Step `number`'s loss, on a batch of its own. */
export async function train(net: GoogLeNet, number: number, batch = BATCH): Promise<number> {
  const { loss } = await net.trainStep(waves(batch, number * batch), labels(batch), sgd)
  return loss
}

export async function losses(net: GoogLeNet, steps: number): Promise<number[]> {
  const found: number[] = []
  for (let number = 0; number < steps; number++) found.push(await train(net, number))
  return found
}
