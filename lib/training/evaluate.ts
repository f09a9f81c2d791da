/** One wrong answer, for the report: the most confident ones are kept. */
export interface Mistake {
  name: string
  index: number
  label: number
  predicted: number
  /** Of the predicted class. */
  probability: number
}

export interface EvaluationReport {
  classes: readonly string[]
  samples: number
  /** Mean cross-entropy of the main head. */
  loss: number
  /** Shares in 0..1. */
  top1: number
  top5: number
  perClass: { label: string; samples: number; correct: number; top1: number }[]
  /** `confusion[label][predicted]`, counts. */
  confusion: number[][]
  /** The most confident mistakes, worst first. */
  mistakes: Mistake[]
  skipped: { name: string; reason: string }[]
  seconds: number
  imagesPerSecond: number
}
