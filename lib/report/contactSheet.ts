import type { Inspection, Spread } from '../data/inspect.js'
import { count, duration, rate } from './format.js'
import { Html, html } from './html.js'
import { dataUri } from './png.js'
import { style } from './style.js'

/** Nothing is ever fetched, and nothing runs. */
const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

export interface ContactSheet {
  /** What was inspected. */
  source: string
  inspection: Inspection
  written: Date
}

/** A data set as one HTML page that needs nothing beside itself: pictures of each class, counts, what is broken. */
export function renderContactSheet({ source, inspection, written }: ContactSheet): string {
  const { broken, classes, seconds, inspected } = inspection
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${source}</title>
<style>${new Html(style)}</style>
</head>
<body>
<header>
  <h1>${source}</h1>
  <p>${count(inspected)} pictures decoded in ${duration(seconds)}, ${rate(inspected / seconds)}</p>
</header>
<main>
${figures(inspection)}
${broken.length > 0 && brokenSection(inspection)}
${classes.map((_, label) => classSection(inspection, label))}
</main>
<footer>Written by googlenet on ${written.toISOString().replace('T', ' ').slice(0, 16)} UTC.</footer>
</body>
</html>
`.markup
}

function figures({ parts, classes, imbalance, broken, shortSide, inspected }: Inspection): Html {
  const cards: [name: string, value: string, note: string][] = [
    ['Pictures', count(parts.train), `and ${count(parts.validation)} for validation`],
    ['Classes', count(classes.length), `the largest is ${imbalance.toFixed(1)} x the smallest`],
    ['Broken', count(broken.length), `of ${count(inspected)} decoded`],
  ]
  if (shortSide)
    cards.push(['Shorter side', `${count(shortSide.median)} px`, `the median; ${range(shortSide)}`])
  return html`<dl class="figures">${cards.map(
    ([name, value, note]) =>
      html`<div class="card"><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`,
  )}</dl>`
}

const range = ({ least, greatest }: Spread): string => `${count(least)} to ${count(greatest)}`

function brokenSection({ broken }: Inspection): Html {
  return html`<section class="card" id="broken"><h2>${count(broken.length)} broken pictures</h2>
    <p class="hint">They cannot be read, and are left out of training and evaluation.</p>
    <div class="scroll tall"><table class="facts">${broken.map(
      ({ name, reason }) => html`<tr><th scope="row">${name}</th><td>${reason}</td></tr>`,
    )}</table></div></section>`
}

function classSection({ classes, thumbnails }: Inspection, label: number): Html {
  const { name, synset, train, validation } = classes[label]!
  return html`<section class="card wide-6"><h2>${name}</h2>
    <p class="hint">${synset && `${synset}: `}${count(train)} pictures, ${count(validation)} for validation</p>
    <div class="mistakes">${(thumbnails.get(label) ?? []).map(
      (picture) => html`<figure title="${picture.name}"><div class="picture">
        <img src="${dataUri('image/jpeg', picture.jpeg)}" alt="" loading="lazy"></div></figure>`,
    )}</div></section>`
}
