/**
 * Measures the package on a GPU and, in the same run turn by turn, PyTorch on the same card.
 *
 *   npm run bench:gpu                                   all of it; an hour, most of it torch.compile
 *   npm run bench:gpu -- --quick                        what matters most, in 4 minutes, with a quicker torch.compile
 *   npm run bench:gpu -- --quick --minutes 8            the same, with more of torch.compile
 *   npm run bench:gpu -- training --batch 256 --precision bf16 --rounds 5 --seconds 2
 *   npm run bench:gpu -- loader                         pictures decoded by nvJPEG, beside the CPU and torchvision
 *   npm run bench:gpu -- --no-compiled --no-peers --no-tune   less of it
 *   npm run bench:gpu -- --compile-mode reduce-overhead       torch.compile's mode, max-autotune by default
 *   npm run bench:gpu -- --out results                  another folder than bench/results
 *   npm run bench:gpu -- --tflops 312 --tbps 2          a card's own limits, for the shares; those of H100 and H200 are known
 *
 * bench/results/<date>-<time>-<card>.json is written after every case: a run that is cut off leaves what it had. First
 * comes everything but torch.compile, then torch.compile, the most telling cases first; `--minutes` ends the run. What
 * PyTorch says is in the file's neighbour, .log. What fails or hangs is named and left out.
 *
 * Both do the same: GoogLeNet of 1000 classes at 224 x 224, in training with the losses of all heads, backward and SGD
 * with momentum. Ours takes bytes from the memory of JavaScript and gives logits back to it, three calls in flight; PyTorch's
 * images lie on the card (`device`) or come from pinned memory (`host`). At batch 1 each answer is waited for.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { cardPeaks, peaksIn } from '../dist/lib/peaks.js'
import { planCost, updateCost } from '../dist/lib/planCost.js'
import { CardMonitor, findCard } from './card.mjs'
import { Contestant, hostEnvironment } from './contestant.mjs'
import { benchDecoders } from './loader.mjs'
import { describeMachine, median, print, resultsFolder, save } from './report.mjs'

const TASKS = ['training', 'inference', 'loader']

const { values, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    batch: { type: 'string', multiple: true },
    precision: { type: 'string', multiple: true },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    minutes: { type: 'string' },
    device: { type: 'string', default: 'cuda' }, // cpu: to try the benchmark itself
    tflops: { type: 'string' }, // bf16 and fp16; TF32 has half of it, fp32 a twelfth
    tbps: { type: 'string' },
    quick: { type: 'boolean', default: false },
    tune: { type: 'boolean', default: true },
    peers: { type: 'boolean', default: true },
    compiled: { type: 'boolean', default: true },
    'compile-mode': { type: 'string' },
    out: { type: 'string', default: resultsFolder },
  },
})
const quick = values.quick
const tasks = positionals.length > 0 ? positionals : quick ? ['training', 'inference'] : TASKS
const unknown = tasks.filter((task) => !TASKS.includes(task))
if (unknown.length > 0) {
  console.error(`unknown part ${unknown.join(', ')}; there are ${TASKS.join(', ')}`)
  process.exit(2)
}
const rounds = Number(values.rounds ?? (quick ? 3 : 5))
const seconds = Number(values.seconds ?? (quick ? 0.5 : 2))
const minutes = Number(values.minutes ?? (quick ? 4 : 600))
const compileMode = values['compile-mode'] ?? (quick ? 'reduce-overhead' : 'max-autotune')
/** Seconds that a request may take of each; what hangs must not cost the rest. */
const patience = quick ? { ours: 60, eager: 60, compiled: 180 } : { ours: 600, eager: 600, compiled: 1800 }
const batches = {
  inference: values.batch?.map(Number) ?? (quick ? [1, 256] : [1, 8, 64, 256, 1024]),
  training: values.batch?.map(Number) ?? (quick ? [256] : [64, 256, 1024]),
}
const precisions = values.precision ?? (quick ? ['fp16', 'bf16'] : ['fp16', 'bf16', 'tf32'])
const deadline = Date.now() + minutes * 60_000

const here = new URL('.', import.meta.url).pathname
const card = values.device === 'cpu' ? { name: 'cpu' } : findCard(values.device)
const python = values.peers ? findPython() : undefined
process.env.GOOGLENET_PEER_DEVICE = values.device
const commands = {
  ours: [process.execPath, `${here}ours.mjs`],
  eager: [python, `${here}peers/torch_gpu.py`],
  compiled: [python, `${here}peers/torch_gpu.py`],
}
const known = cardPeaks(card.name)
const peaks = {
  flops: values.tflops ? Number(values.tflops) * 1e12 : known?.flops,
  bandwidth: values.tbps ? Number(values.tbps) * 1e12 : known?.bandwidth,
}
const arePeaksKnown = peaks.flops !== undefined && peaks.bandwidth !== undefined
const limits = arePeaksKnown ? { tflops: peaks.flops / 1e12, tbps: peaks.bandwidth / 1e12 } : undefined
const report = {
  machine: { ...describeMachine(), card, limits },
  versions: {},
  cases: [],
  loader: [],
  failures: [],
}
const time = report.machine.date.slice(0, 16).replace('T', '-').replace(':', '')
const place = { folder: resolve(values.out), name: `${time}-${card.name.replaceAll(/[^\w.]+/g, '-')}` }
mkdirSync(place.folder, { recursive: true })
const log = join(place.folder, `${place.name}.log`)
const monitor = new CardMonitor()

/** A Python that has torch, with a card unless the benchmark itself is being tried. */
function findPython() {
  const test = values.device === 'cpu' ? 'import torch' : 'import torch; assert torch.cuda.is_available()'
  const names = [process.env.GOOGLENET_PEER_PYTHON, 'python3'].filter(Boolean)
  const found = names.find(
    (name) => spawnSync(name, ['-c', test], { stdio: 'ignore', env: hostEnvironment() }).status === 0,
  )
  if (!found)
    console.log('No Python whose PyTorch sees the card (GOOGLENET_PEER_PYTHON): measuring without a peer.')
  return found
}

/** Started when first asked for, and kept; one that ended in its work is started anew. */
const started = new Map()
async function contestant(name) {
  if (!started.has(name) || started.get(name).ended) {
    const options = name === 'ours' ? {} : { log, env: hostEnvironment() }
    started.set(name, new Contestant(name, commands[name], { ...options, patience: patience[name] }))
  }
  const runner = started.get(name)
  Object.assign(report.versions, await runner.versions())
  return runner
}

function oursOf({ task, batch, precision }) {
  const options = {
    device: values.device,
    tf32: precision === 'tf32',
    tune: values.tune && card.name !== 'cpu',
  }
  const what = { precision: precision === 'tf32' ? 'fp32' : precision, options, pixels: true, warmUps: 3 }
  return {
    runner: 'ours',
    label: 'googlenet',
    what: { ...what, inFlight: task === 'inference' && batch === 1 ? 1 : 3 },
  }
}

/** PyTorch's ways without torch.compile, and with it. Whole models in a type are for inference alone, and faster. */
function peersOf({ task, precision }, compiled) {
  if (!python) return []
  const isWholeAlone = precision === 'tf32' || precision === 'fp32' || (quick && task === 'inference')
  const type = isWholeAlone ? ['whole'] : task === 'inference' ? ['whole', 'autocast'] : ['autocast']
  const how = compiled ? ['compiled'] : ['eager', 'graph']
  return how.flatMap((how) =>
    type.flatMap((type) =>
      (how === 'eager' ? ['device', 'host'] : ['device']).map((source) => ({
        runner: compiled ? 'compiled' : 'eager',
        label: `PyTorch ${how} ${compiled ? `${compileMode} ` : ''}${type} ${source}`,
        what: { how, type, source, mode: compileMode },
      })),
    ),
  )
}

/** The entry made ready; undefined, and the reason told, where that fails. */
async function prepare(work, entry, id) {
  const begun = performance.now()
  console.log(`${titleOf(work)}: preparing ${entry.label}`)
  try {
    const runner = await contestant(entry.runner)
    const details = await runner.prepare(id, { ...work, ...entry.what })
    const prepared = (performance.now() - begun) / 1000
    console.log(`  in ${prepared.toFixed(1)} s`)
    return { ...entry, id, runner, rates: [], details, prepared }
  } catch (error) {
    fail(`${titleOf(work)}: ${entry.label}: ${error.message}`)
    restart(entry.runner)
  }
}

/** Ours; where algorithms cannot be timed, with cuDNN's first ones. */
async function prepareOurs(work) {
  const entry = oursOf(work)
  const tuned = await prepare(work, entry, 'ours')
  if (tuned || !entry.what.options.tune) return tuned
  const what = { ...entry.what, options: { ...entry.what.options, tune: false } }
  return prepare(work, { ...entry, what }, 'ours')
}

/** An error of CUDA's may leave nothing that works behind it in that process; PyTorch's other entries still show. */
function restart(name) {
  if (name === 'ours') started.get(name)?.kill()
  else spoilt.add(name)
}
const spoilt = new Set()

/** Runs ours and the peers in turn, and adds their rates to the case. What fails is left out, and named. */
async function measure(work, peers) {
  const ours = await prepareOurs(work)
  if (!ours) return
  const entries = [ours]
  for (const [id, peer] of peers.entries()) {
    const entry = await prepare(work, peer, id)
    if (entry) entries.push(entry)
  }
  for (let round = 0; round < rounds; round++) {
    for (const entry of entries.filter(({ failed }) => !failed)) {
      monitor.begin()
      try {
        entry.rates.push(await entry.runner.run(entry.id, seconds))
        entry.clocks = monitor.end()
      } catch (error) {
        entry.failed = true
        fail(`${titleOf(work)}: ${entry.label}: ${error.message}`)
        restart(entry.runner)
      }
    }
  }
  const whole = entries.filter(({ rates }) => rates.length > 0)
  if (whole[0] === ours) record(work, whole)
  for (const { runner } of entries) if (!runner.ended) await runner.forget().catch(() => {})
  for (const name of spoilt) started.get(name)?.kill()
  spoilt.clear()
}

const titleOf = ({ task, batch, precision }) => `${task}, batch ${batch}, ${precision}`

/** What went wrong, in a line: CUDA's own texts go on for several. */
function fail(what) {
  const text = what.split('\n')[0]
  console.log(text)
  report.failures.push(text)
}

function record({ task, batch, precision }, entries) {
  let entry = report.cases.find(
    (one) => one.task === task && one.batch === batch && one.precision === precision,
  )
  if (!entry) {
    entry = { task, batch, precision, results: [] }
    report.cases.push(entry)
  }
  for (const { label, what, rates, clocks, details, prepared } of entries) {
    const imagesPerSecond = median(rates)
    const spread = (Math.max(...rates) - Math.min(...rates)) / imagesPerSecond
    const at = clocks ? `, ${clocks['clocks.sm']} MHz, ${clocks['power.draw']} W` : ''
    console.log(`  ${label}: ${imagesPerSecond.toFixed(0)} images/s, ±${(50 * spread).toFixed(1)} %${at}`)
    // Measured again beside torch.compile: each way is compared with ours of its own turns.
    const turns = entries[0].rates
    entry.results.push({
      label,
      imagesPerSecond,
      spread,
      ratio: median(turns) / imagesPerSecond,
      rates,
      clocks,
      prepared,
      tuned: what.options?.tune,
    })
    if (details.plan)
      Object.assign(entry, limit({ task, batch, precision }, details.plan), { memory: details.memory })
  }
  save(report, place)
}

/** Images a second that the card's arithmetic and its memory allow for this plan. */
function limit({ task, batch, precision }, plan) {
  const steps = planCost(plan, precision === 'tf32' ? 'fp32' : precision)
  const bytes = (steps.bytes + (task === 'training' ? updateCost(plan).bytes : 0)) / batch
  if (!arePeaksKnown) return { bytesAnImage: bytes }
  const { flops, bandwidth } = peaksIn(precision, peaks)
  return {
    bytesAnImage: bytes,
    limits: { arithmetic: (flops * batch) / steps.flops, memory: bandwidth / bytes },
  }
}

function printReport() {
  const taken = limits
    ? `limits taken: ${limits.tflops} TFLOP/s, ${limits.tbps} TB/s`
    : 'limits unknown for this card: give --tflops and --tbps'
  console.log(`\n${card.name}, ${taken}`)
  const versions = Object.entries(report.versions).map(([name, version]) => `${name} ${version}`)
  console.log([...(card.libraries ?? []), ...versions].join(', '))
  for (const failure of report.failures) console.log(`failed: ${failure.slice(0, 300)}`)
  const rows = report.cases.map(({ task, batch, precision, results, limits }) => {
    const ours = results.filter(({ label }) => label === 'googlenet')
    const rate = ours.length > 0 ? median(ours.map((one) => one.imagesPerSecond)) : undefined
    const best = (word) =>
      results.filter(({ label }) => label.includes(word)).toSorted((a, b) => a.ratio - b.ratio)[0]
    const cell = (peer) => (peer ? `${peer.imagesPerSecond.toFixed(0)} (${peer.ratio.toFixed(2)})` : '')
    const most = limits && Math.min(limits.arithmetic, limits.memory)
    return [
      `${task}, batch ${batch}, ${precision}`,
      rate?.toFixed(0) ?? '',
      rate && batch === 1 ? `${((1000 * batch) / rate).toFixed(3)} ms` : '',
      most?.toFixed(0) ?? '',
      most && rate ? `${((100 * rate) / most).toFixed(0)} %` : '',
      cell(best('eager')),
      cell(best('graph')),
      cell(best('compiled')),
    ]
  })
  if (rows.length === 0) return
  print(
    [
      'images a second',
      'googlenet',
      '',
      'limit',
      'share',
      'eager (ratio)',
      'graph (ratio)',
      'compiled (ratio)',
    ],
    rows,
  )
}

/** Pictures that are decoded on the card; one that cannot be used for it is named, and the rest goes on. */
async function measureLoader() {
  console.log('loader: random crops of 224 x 224 of photographs of 500 x 375')
  try {
    report.loader = await benchDecoders({ decoder: values.device, python, seconds, rounds })
    for (const { label, imagesPerSecond } of report.loader) {
      console.log(`  ${label}: ${imagesPerSecond.toFixed(0)} images/s`)
    }
  } catch (error) {
    fail(`loader: ${error.message}`)
  }
  save(report, place)
}

/** Training and batch 256 first. */
const weight = ({ task, batch }) =>
  (batch === 256 ? 0 : batch === 1 ? 1 : 2) + (task === 'training' ? 0 : 0.5)
const cases = precisions
  .flatMap((precision) =>
    tasks
      .filter((task) => task !== 'loader')
      .flatMap((task) => batches[task].map((batch) => ({ task, batch, precision }))),
  )
  .toSorted((a, b) => weight(a) - weight(b))

// Whatever is at work when the time is over would hold the run up: torch.compile takes minutes.
const alarm = setTimeout(() => {
  console.log(`\nThe ${minutes} minutes are over.`)
  finish()
}, deadline - Date.now())
function finish() {
  clearTimeout(alarm)
  for (const runner of started.values()) runner.kill()
  monitor.stop()
  printReport()
  console.log(`written to ${save(report, place)}`)
  process.exit(report.cases.length + report.loader.length > 0 ? 0 : 1)
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, finish)

for (const work of cases) await measure(work, peersOf(work, false))
if (tasks.includes('loader')) await measureLoader()
if (python && values.compiled) {
  // One precision after the other, and one way at a time: each may be the last that there is time for.
  for (const precision of precisions) {
    for (const work of cases.filter((one) => one.precision === precision)) {
      for (const peer of peersOf(work, true)) await measure(work, [peer])
    }
  }
}
finish()
