import type { PlanStep, PlanView } from '../binding.js'

/** The views whose channels a step reads, and those that it writes; what it adds to is among both. */
export function viewsOf(step: PlanStep): { reads: PlanView[]; writes: PlanView[] } {
  const { operation, accumulate } = step
  const reads: PlanView[] = []
  const writes: PlanView[] = []
  const place = (written: boolean, ...views: (PlanView | undefined)[]) => {
    for (const view of views) if (view) (written ? writes : reads).push(view)
  }
  place(false, step.input, step.logits, ...(step.outputGradients ?? []))
  place(operation === 'convolution', step.statistics)
  place(operation !== 'relu backward', step.output)
  place(true, ...(step.outputs ?? []))
  const backward = operation.endsWith('backward')
  place(!backward, step.saved, step.argmax)
  place(operation === 'softmax cross-entropy', step.outputGradient)
  place(true, step.inputGradient)
  if (accumulate) place(false, step.inputGradient ?? step.output)
  return { reads, writes }
}
