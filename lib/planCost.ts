import type { PlanRange, PlanReport, PlanStep, PlanView, Precision } from '../binding.js'
import { viewsOf } from './planViews.js'

/** What a step cannot do without, whatever computes it. */
export interface PlanCost {
  /** Of its products, a multiply-add being two; the few operations on each value that other steps make are not counted. */
  flops: number
  /** Moved from and to memory, each value that is read once and each that is written once. */
  bytes: number
}

const floatBytes = 4
const activationBytes = (precision: Precision): number => (precision === 'fp32' ? floatBytes : 2)

/** What a step of the plan costs at least. Images are taken as uint8 pixels. */
export function stepCost(
  step: PlanStep,
  { buffers }: Pick<PlanReport, 'buffers'>,
  precision: Precision,
): PlanCost {
  const sizes = { activation: activationBytes(precision), float: floatBytes, byte: 1 }
  const elements = new Map(buffers.map(({ name, element }) => [name, element]))
  const viewBytes = ({ buffer, rows, channels }: PlanView) =>
    rows * channels * sizes[elements.get(buffer) ?? 'activation']
  const { reads, writes } = viewsOf(step)
  const views = [...reads, ...writes].reduce((sum, view) => sum + viewBytes(view), 0)
  return { flops: 2 * macs(step), bytes: views + imageBytes(step) + parameterBytes(step, sizes.activation) }
}

/** What the update of a step of training costs: weights and momentum read and written, gradients read. */
export function updateCost({ parameters }: Pick<PlanReport, 'parameters'>): PlanCost {
  const trainable = parameters.filter((parameter) => parameter.trainable)
  return { flops: 0, bytes: 5 * floatBytes * trainable.reduce((sum, { count }) => sum + count, 0) }
}

/** What a plan's steps cost together, without the update. */
export function planCost(plan: Pick<PlanReport, 'steps' | 'buffers'>, precision: Precision): PlanCost {
  const total: PlanCost = { flops: 0, bytes: 0 }
  for (const step of plan.steps) {
    const { flops, bytes } = stepCost(step, plan, precision)
    total.flops += flops
    total.bytes += bytes
  }
  return total
}

/** Multiply-adds; the products of a backward pass have as many as those of the forward pass. */
function macs(step: PlanStep): number {
  const { operation, window } = step
  if (operation.startsWith('convolution') && window) {
    const { batch, in: from, out, kernel } = window
    return batch * out.height * out.width * out.channels * from.channels * kernel ** 2
  }
  if (operation.startsWith('linear')) {
    const input = step.input ?? step.inputGradient
    const output = step.output ?? step.outputGradient
    if (input && output) return output.rows * output.channels * input.channels
  }
  return 0
}

function imageBytes({ operation, batch, shape }: PlanStep): number {
  return operation === 'input' && batch && shape ? batch * shape.channels * shape.height * shape.width : 0
}

/** Weights are read in the activations' type, and all else of the parameters, gradients included, is fp32. */
function parameterBytes(step: PlanStep, activation: number): number {
  const { operation, weight, bias, gamma, beta, mean, variance, shift } = step
  const floats = (...ranges: (PlanRange | undefined)[]) =>
    floatBytes * ranges.reduce((sum, range) => sum + (range?.count ?? 0), 0)
  if (operation.endsWith('backward weights')) return floats(weight, bias)
  if (gamma && operation.endsWith('backward')) return floats(gamma, gamma, beta)
  // In training the running statistics are read and written; there is `saved` then.
  const running = floats(mean, variance) * (step.saved ? 2 : 1)
  return (weight?.count ?? 0) * activation + floats(bias, gamma, beta, shift) + running
}
