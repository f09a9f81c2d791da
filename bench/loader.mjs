/**
 * Pictures a second of the loader: photographs of 500 x 375 in, random crops of 224 x 224 out, and torchvision and
 * OpenCV at the same work in the same run, turn by turn.
 *
 *   node bench/loader.mjs                                    the loader alone
 *   GOOGLENET_PEER_PYTHON=.../python node bench/loader.mjs   beside its peers
 */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { batches } from '../dist/lib/index.js'
import { Contestant } from './contestant.mjs'
import { median, printLoader } from './report.mjs'

const BATCH = 64
const ROUNDS = 5
const PEERS = ['torchvision', 'opencv']

const folder = fileURLToPath(new URL('pictures/', import.meta.url))
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.jpg'))
  .map((name) => `${folder}${name}`)

/** The photographs again and again: a pass that doesn't end while it is measured. */
const source = {
  classes: ['photograph'],
  length: 2 ** 30,
  sample: (index) => ({ source: files[index % files.length], label: 0, name: files[index % files.length] }),
}

/** Images a second over at least that many seconds, after the first batch. */
async function measureOurs(threads, seconds, quality) {
  const options = { batchSize: BATCH, imageSize: 224, threads, quality, training: { seed: 1, epoch: 0 } }
  let started
  let images = 0
  for await (const batch of batches(source, options)) {
    if (batch.skipped.length > 0) throw new Error(`${batch.skipped[0].name}: ${batch.skipped[0].reason}`)
    if (started === undefined) {
      started = performance.now()
      continue
    }
    images += BATCH
    const elapsed = (performance.now() - started) / 1000
    if (elapsed >= seconds) return images / elapsed
  }
  throw new Error('the pictures came to an end')
}

/**
 * @param {{ python?: string, seconds?: number }} options A Python that has the peers; seconds of each turn.
 * @returns {Promise<{ name: string, ours: number, fast: number, peers: Record<string, number> }[]>} Medians, in images
 * a second; `fast` is the loader with `quality: 'fast'`.
 */
export async function benchLoader({ python, seconds = 2 } = {}) {
  const peer = python && new Contestant('loader', [python, `${import.meta.dirname}/peers/loader.py`])
  const rows = []
  for (const threads of [1, 2]) {
    const names = peer ? PEERS : []
    const rates = Object.fromEntries(['ours', 'fast', ...names].map((name) => [name, []]))
    for (const [id, name] of names.entries()) await peer.prepare(id, { peer: name, threads, files })
    for (let round = 0; round < ROUNDS; round++) {
      rates.ours.push(await measureOurs(threads, seconds, 'accurate'))
      rates.fast.push(await measureOurs(threads, seconds, 'fast'))
      for (const [id, name] of names.entries()) rates[name].push(await peer.run(id, seconds))
    }
    await peer?.forget()
    const medians = Object.fromEntries(names.map((name) => [name, median(rates[name])]))
    const name = `loader, ${threads} thread${threads > 1 ? 's' : ''}`
    rows.push({ name, ours: median(rates.ours), fast: median(rates.fast), peers: medians })
  }
  peer?.end()
  return rows
}

if (process.argv[1] === import.meta.filename) {
  printLoader(await benchLoader({ python: process.env.GOOGLENET_PEER_PYTHON }))
}
