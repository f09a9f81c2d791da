/**
 * Pictures a second of the loader: photographs of 500 x 375 in, random crops of 224 x 224 out, and torchvision and
 * OpenCV at the same work in the same run, turn by turn; and the same photographs packed (`googlenet pack`).
 *
 *   node bench/loader.mjs                                    the loader alone
 *   GOOGLENET_PEER_PYTHON=.../python node bench/loader.mjs   beside its peers
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { batches, openDataSet, pack } from '../dist/lib/index.js'
import { Contestant, hostEnvironment } from './contestant.mjs'
import { median, printLoader } from './report.mjs'

const BATCH = 64
const ROUNDS = 5
const PEERS = ['torchvision', 'opencv']

const pictures = fileURLToPath(new URL('pictures/', import.meta.url))
const files = readdirSync(pictures)
  .filter((name) => name.endsWith('.jpg'))
  .map((name) => `${pictures}${name}`)

const photographs = {
  classes: ['photograph'],
  length: files.length,
  sample: (index) => ({ source: files[index], label: 0, name: files[index] }),
}

const startPeer = (python) =>
  new Contestant('loader', [python, `${import.meta.dirname}/peers/loader.py`], { env: hostEnvironment() })

/** The samples again and again: a pass that doesn't end while it is measured. */
const endless = (source) => ({
  classes: source.classes,
  length: 2 ** 30,
  sample: (index) => source.sample(index % source.length),
})

/** The photographs as `googlenet pack` writes them by default. */
async function packed(folder) {
  const none = { ...photographs, length: 0 }
  await pack({ classes: photographs.classes, train: photographs, validation: none }, folder)
  return (await openDataSet(folder)).train
}

/** Images a second over at least that many seconds, after the first batch. */
async function measureOurs(source, threads, seconds, decode = {}) {
  const options = { batchSize: BATCH, imageSize: 224, threads, ...decode, training: { seed: 1, epoch: 0 } }
  let started
  let images = 0
  for await (const batch of batches(endless(source), options)) {
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
 * @returns {Promise<{ name: string, ours: number, fast: number, packed: number, peers: Record<string, number> }[]>} Medians, in images
 * a second; `fast` is the loader with `quality: 'fast'`, `packed` the same photographs from a pack.
 */
export async function benchLoader({ python, seconds = 2 } = {}) {
  const peer = python && startPeer(python)
  const folder = mkdtempSync(join(tmpdir(), 'googlenet-bench-'))
  const shards = await packed(folder)
  const rows = []
  for (const threads of [1, 2]) {
    const names = []
    for (const name of peer ? PEERS : []) {
      try {
        await peer.prepare(name, { peer: name, threads, files })
        names.push(name)
      } catch (error) {
        console.log(error.message)
      }
    }
    const rates = Object.fromEntries(['ours', 'fast', 'packed', ...names].map((name) => [name, []]))
    for (let round = 0; round < ROUNDS; round++) {
      rates.ours.push(await measureOurs(photographs, threads, seconds))
      rates.fast.push(await measureOurs(photographs, threads, seconds, { quality: 'fast' }))
      rates.packed.push(await measureOurs(shards, threads, seconds))
      for (const name of names) rates[name].push(await peer.run(name, seconds))
    }
    await peer?.forget()
    const medians = Object.fromEntries(names.map((name) => [name, median(rates[name])]))
    const name = `loader, ${threads} thread${threads > 1 ? 's' : ''}`
    const [ours, fast, fromPack] = [rates.ours, rates.fast, rates.packed].map(median)
    rows.push({ name, ours, fast, packed: fromPack, peers: medians })
  }
  peer?.end()
  rmSync(folder, { recursive: true })
  return rows
}

/**
 * Decoding on a GPU beside decoding on the CPU, turn by turn, and beside torchvision's on the same card.
 *
 * @param {{ decoder: string, python?: string, seconds?: number, rounds?: number }} options The GPU as `decoder` names it.
 * @returns {Promise<{ label: string, imagesPerSecond: number, rates: number[] }[]>}
 */
export async function benchDecoders({ decoder, python, seconds = 2, rounds = ROUNDS }) {
  const cores = availableParallelism()
  const ours = (label, threads, decode) => ({
    label: `${label}, ${threads} threads`,
    rates: [],
    run: () => measureOurs(photographs, threads, seconds, decode),
  })
  const entries = [ours('cpu', cores, {})]
  // Threads wait for the card most of their time.
  for (const threads of [cores, 4 * cores]) entries.push(ours(decoder, threads, { decoder }))
  const peer = python && startPeer(python)
  if (peer) {
    try {
      await peer.prepare('card', { peer: 'torchvision on the card', threads: 1, files })
      entries.push({ label: `torchvision, ${decoder}`, rates: [], run: () => peer.run('card', seconds) })
    } catch (error) {
      console.log(error.message)
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const { rates, run } of entries) rates.push(await run())
  }
  peer?.end()
  return entries.map(({ label, rates }) => ({ label, imagesPerSecond: median(rates), rates }))
}

if (process.argv[1] === import.meta.filename) {
  printLoader(await benchLoader({ python: process.env.GOOGLENET_PEER_PYTHON }))
}
