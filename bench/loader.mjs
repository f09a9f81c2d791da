/**
 * Pictures a second of the loader: photographs of 500 x 375 in, random crops of 224 x 224 out, and torchvision at the
 * same work in the same run, turn by turn.
 *
 *   node bench/loader.mjs                                    the loader alone
 *   GOOGLENET_PEER_PYTHON=.../python node bench/loader.mjs   beside torchvision
 */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { batches } from '../dist/lib/index.js'
import { Contestant } from './contestant.mjs'
import { median } from './report.mjs'

const BATCH = 64
const ROUNDS = 5

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
async function measureOurs(threads, seconds) {
  const options = { batchSize: BATCH, imageSize: 224, threads, training: { seed: 1, epoch: 0 } }
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
 * @param {{ python?: string, seconds?: number }} options A Python that has torchvision; seconds of each turn.
 * @returns {Promise<{ name: string, ours: number, peer?: number, ratio?: number }[]>} Medians, in images a second.
 */
export async function benchLoader({ python, seconds = 2 } = {}) {
  const peer = python && new Contestant('torchvision', [python, `${import.meta.dirname}/peers/loader.py`])
  const rows = []
  for (const threads of [1, 2]) {
    const ours = []
    const theirs = []
    if (peer) await peer.prepare(threads, { threads, files })
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await measureOurs(threads, seconds))
      if (peer) theirs.push(await peer.run(threads, seconds))
    }
    await peer?.forget()
    const row = { name: `loader, ${threads} thread${threads > 1 ? 's' : ''}`, ours: median(ours) }
    rows.push(peer ? { ...row, peer: median(theirs), ratio: median(ours) / median(theirs) } : row)
  }
  peer?.end()
  return rows
}

if (process.argv[1] === import.meta.filename) {
  const rows = await benchLoader({ python: process.env.GOOGLENET_PEER_PYTHON })
  console.log('\nimages a second'.padEnd(22), 'googlenet  torchvision  ratio')
  for (const { name, ours, peer, ratio } of rows) {
    const figures = [
      ours.toFixed(0).padStart(9),
      peer?.toFixed(0).padStart(11),
      ratio?.toFixed(2).padStart(5),
    ]
    console.log(name.padEnd(21), figures.filter(Boolean).join('  '))
  }
}
