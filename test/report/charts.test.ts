import { expect, test } from 'vitest'
import { makeCharts } from '../../lib/report/charts.js'
import type { TrainEvent } from '../../lib/training/events.js'
import { exampleEvents, historyOf } from './example.js'

test('every series is as long as its axis, and the axis rises', () => {
  for (const chart of makeCharts(historyOf(exampleEvents({ epochs: 3 })))) {
    expect(chart.x).toEqual([...chart.x].sort((a, b) => a - b))
    for (const { values } of chart.series) expect(values).toHaveLength(chart.x.length)
  }
})

test("an epoch's figures stand where the epoch ends", () => {
  const history = historyOf(exampleEvents({ epochs: 3, stepsPerEpoch: 37 }))
  const [loss, accuracy] = makeCharts(history)
  const valueAt = (chart: typeof loss, role: string, x: number) =>
    chart!.series.find((one) => one.role === role)!.values[chart!.x.indexOf(x)]
  expect(valueAt(loss, 'training', 2)).toBe(history.epochs[1]!.train.headLosses[0])
  expect(valueAt(loss, 'validation', 3)).toBe(history.epochs[2]!.validation!.loss)
  expect(valueAt(accuracy, 'validation', 1)).toBe(history.epochs[0]!.validation!.top1)
  expect(valueAt(accuracy, 'steps', 5 / 37)).toBe(history.steps[1]!.train.top1)
})

test('without validation there is no curve of it', () => {
  const events = exampleEvents({ epochs: 2 }).map((event): TrainEvent => {
    if (event.type !== 'epoch') return event
    const { validation, report, ...rest } = event
    return rest
  })
  const charts = makeCharts(historyOf(events))
  expect(charts.flatMap((chart) => chart.series.map((one) => one.role))).not.toContain('validation')
})

test('a long training is thinned to means, a loss that is not finite becomes a gap', () => {
  const history = historyOf(exampleEvents({ epochs: 1, stepsPerEpoch: 10 }))
  const [first] = history.steps
  history.steps.length = 0
  for (let step = 1; step <= 6000; step++) {
    const loss = step > 5000 ? Number.NaN : step % 2
    history.steps.push({
      ...first!,
      step,
      train: { ...first!.train, headLosses: [loss], top1: step % 4 === 0 ? 1 : 0 },
    })
  }
  const [loss, accuracy] = makeCharts(history)
  const drawn = loss!.series[0]!.values.filter((value) => value !== null)
  expect(drawn.length).toBeGreaterThan(500)
  expect(drawn.length).toBeLessThan(1500)
  expect(new Set(drawn)).toEqual(new Set([0.5]))
  expect(accuracy!.series[0]!.values[0]).toBe(0.25)
})
