/** This package at the work of `npm run bench`, through its public API; what bench/contestant.mjs talks to. */
import { randomFillSync } from 'node:crypto'
import { createInterface } from 'node:readline'
import { GoogLeNet } from '../dist/lib/index.js'

const SIZE = 224
const CLASSES = 1000
const SGD = { learningRate: 0.001, momentum: 0.9, weightDecay: 1e-4 }

/** id -> { net, work }, where work does the case once */
const cases = new Map()

/**
 * `pixels`: images as bytes, as the loader brings them; `inFlight`: calls begun before the first has ended; `warmUps`: a
 * GPU's second run is recorded and the third replayed.
 */
async function prepare(
  id,
  { task, batch, precision, options = {}, pixels = false, inFlight = 1, warmUps = 1 },
) {
  const net = await GoogLeNet.create({
    classes: CLASSES,
    imageSize: SIZE,
    device: 'cpu',
    precision,
    seed: 1,
    ...options,
  })
  const length = batch * 3 * SIZE * SIZE
  const images = {
    data: pixels
      ? randomFillSync(new Uint8Array(length))
      : Float32Array.from({ length }, () => Math.random() * 4 - 2),
    shape: [batch, 3, SIZE, SIZE],
    layout: 'nhwc',
  }
  const labels = Int32Array.from({ length: batch }, (_, i) => (i * 37) % CLASSES)
  const work =
    task === 'training'
      ? () => net.trainStep(images, labels, SGD)
      : () => net.forward(images, { mode: 'eval', heads: 'main' })
  for (let i = 0; i < warmUps; i++) await work()
  cases.set(id, { net, batch, work, inFlight })
  return { plan: await net.plan(batch, task === 'training' ? 'train' : 'eval'), memory: net.memory() }
}

/** Repeats the work until the time is over, at least once. */
async function timed({ batch, work, inFlight }, seconds) {
  let images = 0
  const started = performance.now()
  const begun = Array.from({ length: inFlight - 1 }, work)
  for (;;) {
    begun.push(work())
    await begun.shift()
    images += batch
    if ((performance.now() - started) / 1000 < seconds) continue
    await Promise.all(begun)
    return { images: images + batch * begun.length, seconds: (performance.now() - started) / 1000 }
  }
}

async function answer(request) {
  switch (request.do) {
    case 'versions':
      return { 'Node.js': process.versions.node }
    case 'prepare':
      return prepare(request.id, request.case)
    case 'run':
      return timed(cases.get(request.id), request.seconds)
    case 'forget':
      for (const { net } of cases.values()) net.dispose()
      cases.clear()
      return {}
    case 'peakMemory':
      return { bytes: process.resourceUsage().maxRSS * 1024 }
    default:
      throw new Error(`unknown request ${request.do}`)
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const reply = await answer(JSON.parse(line)).catch((error) => ({ error: error.message }))
  process.stdout.write(`${JSON.stringify(reply)}\n`)
}
