import type { EvaluationReport } from '../training/evaluate.js'
import { count, percent } from './format.js'
import { type Html, html, scriptData } from './html.js'
import { dataUri, encodePng } from './png.js'

/** Above this many classes the matrix is a picture to zoom into rather than a table to read. */
const largestTable = 30

/** The confusion matrix: rows are what the pictures show, columns what the network said. */
export function confusionSection(report: EvaluationReport): Html {
  const readable = report.classes.length <= largestTable
  return html`<section class="card wide-8" id="confusion">
    <h2>Confusion matrix</h2>
    <p class="hint">Rows: what the picture shows. Columns: what the network said. Colour: share of the row.</p>
    ${readable ? matrixTable(report) : matrixMap(report)}
  </section>`
}

function matrixTable({ classes, confusion }: EvaluationReport): Html {
  return html`<div class="scroll"><table class="matrix">
    <thead><tr><td></td>${classes.map((name) => html`<th scope="col"><span>${name}</span></th>`)}</tr></thead>
    <tbody>${classes.map((name, label) => {
      const row = confusion[label] ?? []
      const total = row.reduce((sum, cell) => sum + cell, 0)
      return html`<tr><th scope="row">${name}</th>${row.map((cell, predicted) => {
        const share = cell / Math.max(1, total)
        const title = `${name} taken for ${classes[predicted]}: ${cell} of ${total} (${percent(share)})`
        const kind = label === predicted ? 'right' : 'wrong'
        return html`<td class="${kind}" style="--share:${share.toFixed(3)}" title="${title}">${cell > 0 && cell}</td>`
      })}</tr>`
    })}</tbody>
  </table></div>`
}

/** One pixel a cell, drawn sharp at any zoom; the cells that are not zero go along for reading under the pointer. */
function matrixMap({ classes, confusion }: EvaluationReport): Html {
  const size = classes.length
  const data = new Uint8Array(size * size * 4)
  const cells: number[] = []
  confusion.forEach((row, label) => {
    const total = Math.max(
      1,
      row.reduce((sum, cell) => sum + cell, 0),
    )
    row.forEach((cell, predicted) => {
      if (cell === 0) return
      cells.push(label, predicted, cell)
      const opacity = Math.round(255 * (0.3 + 0.7 * Math.sqrt(cell / total)))
      data.set(
        [...(label === predicted ? [66, 105, 208] : [224, 108, 49]), opacity],
        (label * size + predicted) * 4,
      )
    })
  })
  const picture = dataUri('image/png', encodePng({ width: size, height: size, channels: 4, data }))
  return html`<div class="map" data-size="${size}">
    <label>Zoom <input type="range" min="1" max="16" step="0.5" value="1"></label>
    <output>Point at a cell to read it.</output>
    <div class="scroll"><img src="${picture}" alt="Confusion matrix of ${size} classes"></div>
    <script type="application/json">${scriptData({ classes, cells })}</script>
  </div>`
}

/** The classes from the hardest to the easiest, and which pairs are mixed up most. */
export function classesSection(report: EvaluationReport): Html {
  const { classes, confusion } = report
  const pairs = confusion
    .flatMap((row, label) =>
      row.map((cell, predicted) => ({ label, predicted, cell, total: report.perClass[label]?.samples ?? 0 })),
    )
    .filter((pair) => pair.cell > 0 && pair.label !== pair.predicted)
    .sort((a, b) => b.cell - a.cell)
    .slice(0, 6)
  const hardest = [...report.perClass].filter((one) => one.samples > 0).sort((a, b) => a.top1 - b.top1)
  return html`<section class="card wide-4" id="classes">
    <h2>Accuracy of each class</h2>
    <div class="scroll tall"><table class="bars">${hardest.map(
      (one) => html`<tr title="${one.correct} of ${one.samples} right">
        <th scope="row">${one.label}</th>
        <td><i style="--share:${one.top1.toFixed(3)}"></i></td>
        <td class="figure">${percent(one.top1, 0)}</td></tr>`,
    )}</table></div>
    ${
      pairs.length > 0 &&
      html`<h3>Most often mixed up</h3><ul class="pairs">${pairs.map(
        ({ label, predicted, cell, total }) =>
          html`<li><b>${classes[label]}</b> taken for <b>${classes[predicted]}</b>
            <span>${count(cell)} of ${count(total)}</span></li>`,
      )}</ul>`
    }
  </section>`
}
