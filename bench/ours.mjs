/** This package at the work of `npm run bench`, through its public API; what bench/contestant.mjs talks to. */
import { createInterface } from 'node:readline'
import { GoogLeNet } from '../dist/lib/index.js'

const SIZE = 224
const CLASSES = 1000
const SGD = { learningRate: 0.001, momentum: 0.9, weightDecay: 1e-4 }

/** id -> { net, work }, where work does the case once */
const cases = new Map()

async function prepare(id, { task, batch, precision }) {
  const net = await GoogLeNet.create({ classes: CLASSES, imageSize: SIZE, device: 'cpu', precision, seed: 1 })
  const images = {
    data: Float32Array.from({ length: batch * 3 * SIZE * SIZE }, () => Math.random() * 4 - 2),
    shape: [batch, 3, SIZE, SIZE],
    layout: 'nhwc',
  }
  const labels = Int32Array.from({ length: batch }, (_, i) => (i * 37) % CLASSES)
  const work =
    task === 'training'
      ? () => net.trainStep(images, labels, SGD)
      : () => net.forward(images, { mode: 'eval', heads: 'main' })
  await work()
  cases.set(id, { net, batch, work })
}

/** Repeats the work until the time is over, at least once. */
async function timed({ batch, work }, seconds) {
  let images = 0
  const started = performance.now()
  for (;;) {
    await work()
    images += batch
    const elapsed = (performance.now() - started) / 1000
    if (elapsed >= seconds) return { images, seconds: elapsed }
  }
}

async function answer(request) {
  switch (request.do) {
    case 'versions':
      return { 'Node.js': process.versions.node }
    case 'prepare':
      await prepare(request.id, request.case)
      return {}
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
