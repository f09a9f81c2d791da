import { TrainingHistory } from '../../lib/report/run.js'
import type { EvaluationReport } from '../../lib/training/evaluate.js'
import type { TrainEvent, TrainMetrics } from '../../lib/training/events.js'

export const emoji = [
  'animal',
  'building',
  'clock',
  'clothing',
  'face',
  'flag',
  'food',
  'person',
  'plant',
  'vehicle',
]

/** An evaluation whose figures all follow from its confusion matrix. */
export function evaluationOf(
  classes: readonly string[],
  confusion: number[][],
  rest: Partial<EvaluationReport> = {},
): EvaluationReport {
  const total = (row: readonly number[]) => row.reduce((sum, cell) => sum + cell, 0)
  const perClass = classes.map((label, index) => {
    const samples = total(confusion[index]!)
    const correct = confusion[index]![index]!
    return { label, samples, correct, top1: samples > 0 ? correct / samples : 0 }
  })
  const samples = perClass.reduce((sum, one) => sum + one.samples, 0)
  const correct = perClass.reduce((sum, one) => sum + one.correct, 0)
  return {
    classes,
    samples,
    loss: 1.08,
    top1: correct / samples,
    top5: Math.min(1, correct / samples + 0.25),
    perClass,
    confusion,
    mistakes: [],
    skipped: [],
    seconds: 2.4,
    imagesPerSecond: samples / 2.4,
    ...rest,
  }
}

/** Ten classes, mostly right, with a few pairs that are often mixed up. */
export function exampleEvaluation(rest: Partial<EvaluationReport> = {}): EvaluationReport {
  const confusion = emoji.map((_, label) =>
    emoji.map((_, predicted) =>
      label === predicted ? 60 + 5 * (label % 7) : ((label * 3 + predicted * 5) % 11) >> 1,
    ),
  )
  return evaluationOf(emoji, confusion, rest)
}

/** The events of a training of ten classes: losses that fall, accuracies that rise, one unreadable picture. */
export function exampleEvents({
  epochs = 8,
  stepsPerEpoch = 37,
  report = exampleEvaluation(),
} = {}): TrainEvent[] {
  const events: TrainEvent[] = [
    { type: 'start', epochs, stepsPerEpoch, batchSize: 32, samples: 1184, validationSamples: report.samples },
    { type: 'skipped', name: 'train/clock/broken.jpg', reason: 'not a JPEG or PNG file' },
  ]
  const metrics = (progress: number, noise: number): TrainMetrics => {
    const main = 0.35 + 1.95 * Math.exp(-3 * progress) + noise
    return {
      loss: main * 1.6,
      headLosses: [main, main * 1.05, main * 0.98],
      top1: Math.min(1, 0.1 + 0.75 * (1 - Math.exp(-3 * progress)) - noise / 2),
      top5: Math.min(1, 0.5 + 0.5 * (1 - Math.exp(-5 * progress))),
    }
  }
  const ended: Extract<TrainEvent, { type: 'epoch' }>[] = []
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (let inEpoch = 1; inEpoch <= stepsPerEpoch; inEpoch += 4) {
      const step = epoch * stepsPerEpoch + inEpoch
      const progress = step / (epochs * stepsPerEpoch)
      events.push({
        type: 'step',
        epoch,
        step,
        stepInEpoch: inEpoch,
        stepsPerEpoch,
        learningRate: 0.02 * (1 - progress),
        secondsLeft: (1 - progress) * 60,
        imagesPerSecond: 190 + 8 * Math.sin(step),
        train: metrics(progress, 0.15 * Math.sin(step * 1.7)),
      })
    }
    const progress = (epoch + 1) / epochs
    const reached = { ...report, top1: report.top1 * (1 - 0.6 * Math.exp(-4 * progress)) }
    const validation = {
      loss: 1 + Math.exp(-3 * progress),
      top1: reached.top1,
      top5: reached.top5,
      samples: reached.samples,
    }
    const ends: Extract<TrainEvent, { type: 'epoch' }> = {
      type: 'epoch',
      epoch,
      step: (epoch + 1) * stepsPerEpoch,
      learningRate: 0.02 * (1 - progress),
      train: metrics(progress, 0),
      validation,
      imagesPerSecond: 190,
      seconds: 7.4,
      skipped: 1,
      report: reached,
    }
    ended.push(ends)
    const path = `run/checkpoint-${ends.step}.safetensors`
    events.push(ends, { type: 'checkpoint', path, epoch: epoch + 1, step: ends.step, best: true })
  }
  events.push({ type: 'end', reason: 'done', epochs: ended, best: { epoch: epochs - 1, top1: report.top1 } })
  return events
}

export function historyOf(events: readonly TrainEvent[]): TrainingHistory {
  const history = new TrainingHistory()
  for (const event of events) history.record(event)
  return history
}
