import type { Network, StepMetrics, StepOptions } from '../../binding.js'

const MOST_HALVED = 16

/** A step that leaves its gradients and changes no weight. */
export const still: StepOptions = {
  learningRate: 0,
  momentum: 0,
  weightDecay: 0,
  nesterov: false,
  labelSmoothing: 0,
  averageDecay: 0,
  accumulate: { index: 0, count: 1 },
}

/**
 * Takes a step and gives what it left. fp16 begins with a scale of the loss at which gradients may overflow, and halves
 * it after each time: the step is taken again.
 */
export async function takeStep(network: Network, step: () => Promise<StepMetrics>) {
  for (let halved = 0; ; halved++) {
    const metrics = await step()
    const gradients = await network.getTensors('gradients')
    const finite = gradients.every(({ data }) => data.every(Number.isFinite))
    if (finite || halved === MOST_HALVED) return { metrics, gradients }
  }
}
