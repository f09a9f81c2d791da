import type { StepRecord } from '../training/events.js'
import type { TrainingHistory } from './run.js'

/** How a series is drawn: `steps` thin behind the rest, `training` and `validation` as the epochs' lines. */
export type SeriesRole = 'steps' | 'training' | 'validation'

/** One chart, as the script in the page draws it. */
export interface Chart {
  title: string
  unit: 'decimal' | 'percent' | 'rate'
  /** Epochs done, rising. */
  x: number[]
  series: { label: string; role: SeriesRole; values: (number | null)[] }[]
}

/** More points than a chart has pixels say nothing. */
const maximumPoints = 1500

/** The curves of a training: loss, accuracy, learning rate, throughput. */
export function makeCharts(history: TrainingHistory): Chart[] {
  const steps = thin(history.steps)
  const stepX = steps.map((record) => record.step / history.stepsPerEpoch)
  const epochX = history.epochs.map((record) => record.epoch + 1)
  const validated = history.epochs.some((record) => record.validation)

  const chart = (title: string, unit: Chart['unit'], ...series: PlacedSeries[]): Chart => {
    const x = [...new Set(series.flatMap((one) => one.x))].sort((a, b) => a - b)
    const place = new Map(x.map((value, index) => [value, index]))
    return {
      title,
      unit,
      x,
      series: series.map((one) => {
        const values = new Array<number | null>(x.length).fill(null)
        one.x.forEach((value, index) => {
          values[place.get(value)!] = finite(one.y[index])
        })
        return { label: one.label, role: one.role, values }
      }),
    }
  }
  const ofSteps = (label: string, role: SeriesRole, y: (record: StepRecord) => number): PlacedSeries => ({
    label,
    role,
    x: stepX,
    y: steps.map(y),
  })
  const training = (y: (record: TrainingHistory['epochs'][number]) => number | undefined): PlacedSeries => ({
    label: 'training',
    role: 'training',
    x: epochX,
    y: history.epochs.map(y),
  })
  const validation = (
    y: (record: TrainingHistory['epochs'][number]) => number | undefined,
  ): PlacedSeries[] =>
    validated ? [{ label: 'validation', role: 'validation', x: epochX, y: history.epochs.map(y) }] : []

  return [
    chart(
      'Loss of the main head',
      'decimal',
      ofSteps('steps', 'steps', (record) => record.train.headLosses[0] ?? record.train.loss),
      training((record) => record.train.headLosses[0]),
      ...validation((record) => record.validation?.loss),
    ),
    chart(
      'Top-1 accuracy',
      'percent',
      ofSteps('steps', 'steps', (record) => record.train.top1),
      training((record) => record.train.top1),
      ...validation((record) => record.validation?.top1),
    ),
    chart(
      'Learning rate',
      'decimal',
      ofSteps('learning rate', 'training', (record) => record.learningRate),
    ),
    chart(
      'Throughput, images a second',
      'rate',
      ofSteps('img/s', 'training', (record) => record.imagesPerSecond),
    ),
  ]
}

interface PlacedSeries {
  label: string
  role: SeriesRole
  x: number[]
  y: (number | undefined)[]
}

const finite = (value: number | undefined): number | null =>
  value !== undefined && Number.isFinite(value) ? value : null

/** Means over runs of neighbours, so that at most `maximumPoints` are left. */
function thin(records: readonly StepRecord[]): StepRecord[] {
  const width = Math.ceil(records.length / maximumPoints)
  if (width <= 1) return [...records]
  const thinned: StepRecord[] = []
  for (let start = 0; start < records.length; start += width) {
    const group = records.slice(start, start + width)
    const last = group.at(-1)!
    const mean = (of: (record: StepRecord) => number) =>
      group.reduce((sum, one) => sum + of(one), 0) / group.length
    thinned.push({
      ...last,
      imagesPerSecond: mean((one) => one.imagesPerSecond),
      train: {
        loss: mean((one) => one.train.loss),
        headLosses: last.train.headLosses.map((_, head) => mean((one) => one.train.headLosses[head] ?? 0)),
        top1: mean((one) => one.train.top1),
        top5: mean((one) => one.train.top5),
      },
    })
  }
  return thinned
}
