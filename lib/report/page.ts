import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { brightenReport } from './browser.js'
import { makeCharts } from './charts.js'
import { classesSection, confusionSection } from './confusion.js'
import { drawFilters } from './filters.js'
import { compact, count, decimal, duration, interval, percent, rate } from './format.js'
import { Html, html, scriptData } from './html.js'
import { dataUri, encodePng } from './png.js'
import type { Facts, RunReport, TrainingHistory } from './run.js'
import { style } from './style.js'

const require = createRequire(import.meta.url)
const uplot = (file: string) => new Html(readFileSync(require.resolve(`uplot/dist/${file}`), 'utf8'))

/** Nothing is ever fetched; the browser holds the page to it. */
const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

const states = { running: 'training is under way', done: 'finished', aborted: 'stopped early' }

/** The report as one HTML page that needs nothing beside itself: no network, no other file. */
export function renderReport(report: RunReport): string {
  const charts = report.history && report.history.steps.length > 0 ? makeCharts(report.history) : []
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${report.title}</title>
<style>${uplot('uPlot.min.css')}${new Html(style)}</style>
</head>
<body>
<header>
  <h1>${report.title}</h1>
  ${report.history && html`<span class="state">${states[report.state]}</span>`}
  <p>${report.subtitle}</p>
</header>
<main>
${figures(report)}
${charts.map(
  (chart, index) =>
    html`<section class="card wide-6"><h2>${chart.title}</h2><div data-chart="${index}"></div></section>`,
)}
${report.evaluation && [confusionSection(report.evaluation.report), classesSection(report.evaluation.report)]}
${report.evaluation && mistakesSection(report)}
${report.filters && filtersSection(report)}
${factsSection('Configuration', report.configuration, 'wide-4')}
${factsSection('Environment', report.environment, 'wide-4')}
${report.history && report.history.epochs.length > 0 && epochsSection(report.history)}
${skippedSection(report)}
</main>
<footer>Written by googlenet on ${report.written.toISOString().replace('T', ' ').slice(0, 16)} UTC.</footer>
<script>${uplot('uPlot.iife.min.js')}</script>
<script>(${new Html(brightenReport.toString())})(uPlot, ${scriptData(charts)})</script>
</body>
</html>
`
  return page.markup
}

function figures({ evaluation, history }: RunReport): Html {
  const cards: [name: string, value: string, note: string][] = []
  if (evaluation) {
    const { top1, top5, loss, samples, classes, perClass } = evaluation.report
    const largest = Math.max(...perClass.map((one) => one.samples))
    const [low, high] = interval(top1, samples)
    cards.push(['Top-1 accuracy', percent(top1), `of ${evaluation.on}`])
    const limits = `${(low * 100).toFixed(0)}–${percent(high, 0)}`
    cards.push(['95 % interval', limits, `one answer for all: ${percent(largest / samples)}`])
    if (classes.length > 5) cards.push(['Top-5 accuracy', percent(top5), 'the right one among five'])
    cards.push(['Loss', decimal(loss, 3), 'mean cross-entropy'])
  }
  const last = history?.epochs.at(-1)
  if (history && last) {
    const seconds = history.epochs.reduce((sum, epoch) => sum + epoch.seconds, 0)
    if (!evaluation) cards.push(['Top-1 in training', percent(last.train.top1), `epoch ${last.epoch + 1}`])
    cards.push(['Epochs', `${last.epoch + 1} of ${history.plannedEpochs}`, `${count(last.step)} steps`])
    cards.push(['Time', duration(seconds), `training at ${rate(last.imagesPerSecond)}`])
  } else if (evaluation) {
    cards.push(['Time', duration(evaluation.report.seconds), rate(evaluation.report.imagesPerSecond)])
  }
  return html`<dl class="figures">${cards.map(
    ([name, value, note], index) =>
      html`<div class="card ${index === 0 && 'lead'}"><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`,
  )}</dl>`
}

function mistakesSection({ evaluation, pictures }: RunReport): Html | undefined {
  const { mistakes, classes } = evaluation!.report
  if (mistakes.length === 0) return undefined
  return html`<section class="card" id="mistakes">
    <h2>Worst mistakes</h2>
    <p class="hint">Wrong answers that the network was most sure of.</p>
    <div class="mistakes">${mistakes.slice(0, 24).map((mistake) => {
      const address = pictures?.get(mistake.index)
      const picture = address ? html`<img src="${address}" alt="" loading="lazy">` : 'no picture'
      return html`<figure title="${mistake.name}"><div class="picture">${picture}</div>
        <figcaption><b>${classes[mistake.predicted]}, ${percent(mistake.probability, 0)}</b>
        <span>is ${classes[mistake.label]}</span></figcaption></figure>`
    })}</div>
  </section>`
}

function filtersSection({ filters }: RunReport): Html {
  const [number, , rows, columns] = filters!.shape as [number, number, number, number]
  const picture = dataUri('image/png', encodePng(drawFilters(filters!)))
  return html`<section class="card wide-4" id="filters">
    <h2>First layer</h2>
    <p class="hint">Its ${number} filters of ${rows} x ${columns} weights; grey is zero.</p>
    <img class="filters" src="${picture}" alt="The filters of the first convolution">
  </section>`
}

const factsSection = (title: string, facts: Facts, width: string): Html | undefined =>
  facts.length === 0
    ? undefined
    : html`<section class="card ${width}"><h2>${title}</h2><table class="facts">${facts.map(
        ([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`,
      )}</table></section>`

function epochsSection(history: TrainingHistory): Html {
  const titles = [
    'epoch',
    'learning rate',
    'loss',
    'top-1',
    'top-5',
    'validation loss',
    'top-1',
    'img/s',
    'time',
  ]
  return html`<section class="card"><details>
    <summary>All ${history.epochs.length} epochs</summary>
    <div class="scroll"><table class="log">
    <thead><tr>${titles.map((title) => html`<th scope="col">${title}</th>`)}</tr></thead>
    <tbody>${history.epochs.map(
      (epoch) => html`<tr class="${epoch.epoch === history.best?.epoch && 'best'}">
        <td>${epoch.epoch + 1}</td><td>${compact(epoch.learningRate)}</td><td>${decimal(epoch.train.loss)}</td>
        <td>${percent(epoch.train.top1)}</td><td>${percent(epoch.train.top5)}</td>
        <td>${epoch.validation ? decimal(epoch.validation.loss) : '–'}</td>
        <td>${epoch.validation ? percent(epoch.validation.top1) : '–'}</td>
        <td>${count(epoch.imagesPerSecond)}</td><td>${duration(epoch.seconds)}</td></tr>`,
    )}</tbody></table></div>
  </details></section>`
}

function skippedSection({ history, evaluation }: RunReport): Html | undefined {
  const skipped = new Map(history?.skipped)
  for (const { name, reason } of evaluation?.report.skipped ?? []) skipped.set(name, reason)
  if (skipped.size === 0) return undefined
  return html`<section class="card" id="skipped"><h2>${count(skipped.size)} skipped pictures</h2>
    <p class="hint">They could not be read and took no part.</p>
    <div class="scroll tall"><table class="facts">${[...skipped].map(
      ([name, reason]) => html`<tr><th scope="row">${name}</th><td>${reason}</td></tr>`,
    )}</table></div></section>`
}
