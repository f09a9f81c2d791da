/// <reference lib="dom" />
import type uPlot from 'uplot'
import type { Chart, SeriesRole } from './charts.js'

/**
 * Runs in the reader's browser: its source text is put into the page, so it uses nothing from outside itself.
 * Draws the charts in the page's colours, again whenever those change, and makes the matrix readable.
 */
export function brightenReport(Plot: typeof uPlot, charts: Chart[]): void {
  const colour = (name: string): string =>
    getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()

  const format: Record<Chart['unit'], (value: number) => string> = {
    percent: (value) => `${(value * 100).toFixed(0)} %`,
    decimal: (value) => String(Number(value.toPrecision(3))),
    rate: (value) => String(Number(value.toPrecision(3))),
  }

  function series(chart: Chart, label: string, role: SeriesRole): uPlot.Series {
    const exact =
      chart.unit === 'percent' ? (value: number) => `${(value * 100).toFixed(1)} %` : format[chart.unit]
    return {
      label,
      stroke: colour(role),
      width: role === 'steps' ? 1 : 2,
      spanGaps: true,
      points: { show: chart.x.length < 40 && role !== 'steps', size: 5, fill: colour(role) },
      value: (_, value: number | null) => (value === null ? '–' : exact(value)),
    }
  }

  function draw(target: HTMLElement, chart: Chart): uPlot {
    const axis = {
      stroke: colour('quiet'),
      grid: { stroke: colour('line'), width: 1 },
      ticks: { show: false },
    }
    const options: uPlot.Options = {
      width: target.clientWidth,
      height: 230,
      scales: {
        // The whole begins at 0; a part that the reader zooms into begins where it does.
        x: { time: false, range: (_, first, last) => [first === chart.x[0] ? 0 : first, last] },
        y: {
          range: (_, low, high) => (chart.unit === 'percent' ? [0, 1] : [Math.min(0, low), high * 1.05 || 1]),
        },
      },
      cursor: { sync: { key: 'epochs' } },
      hooks: {
        setCursor: [(plot) => plot.cursor.idx === null && plot.setLegend({ idx: chart.x.length - 1 })],
      },
      axes: [
        { ...axis, size: 32 },
        { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => format[chart.unit](tick)) },
      ],
      series: [
        { label: 'epoch', value: (_, value: number | null) => (value === null ? '–' : value.toFixed(1)) },
        ...chart.series.map((one) => series(chart, one.label, one.role)),
      ],
    }
    const plot = new Plot(options, [chart.x, ...chart.series.map((one) => one.values)], target)
    plot.setLegend({ idx: chart.x.length - 1 })
    return plot
  }

  const targets = [...document.querySelectorAll<HTMLElement>('[data-chart]')]
  let drawn: uPlot[] = []
  const redraw = () => {
    for (const plot of drawn) plot.destroy()
    drawn = targets.map((target) => draw(target, charts[Number(target.dataset.chart)]!))
  }
  redraw()
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw)
  addEventListener('resize', redraw)

  for (const map of document.querySelectorAll<HTMLElement>('.map')) {
    const size = Number(map.dataset.size)
    const picture = map.querySelector('img')!
    const reading = map.querySelector('output')!
    const { classes, cells } = JSON.parse(map.querySelector('script')!.textContent!) as {
      classes: string[]
      cells: number[]
    }
    const counts = new Map<number, number>()
    for (let at = 0; at < cells.length; at += 3)
      counts.set(cells[at]! * size + cells[at + 1]!, cells[at + 2]!)
    map.querySelector('input')!.addEventListener('input', (event) => {
      picture.style.width = `${Number((event.target as HTMLInputElement).value) * 100}%`
    })
    picture.addEventListener('mousemove', (event) => {
      const cell = (along: number, length: number) => Math.min(size - 1, Math.floor((along / length) * size))
      const label = cell(event.offsetY, picture.clientHeight)
      const predicted = cell(event.offsetX, picture.clientWidth)
      const times = counts.get(label * size + predicted) ?? 0
      reading.textContent = `${classes[label]} taken for ${classes[predicted]}: ${times} times`
    })
  }
}
