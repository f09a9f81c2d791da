/**
 * Measures the package on a GPU and, in the same run turn by turn, PyTorch on the same card.
 *
 *   npm run bench:gpu                                   all of it; an hour, most of it torch.compile
 *   npm run bench:gpu -- --quick                        what matters most, in about 8 minutes
 *   npm run bench:gpu -- training --batch 256 --precision bf16 --rounds 5 --seconds 2
 *   npm run bench:gpu -- loader                         pictures decoded by nvJPEG, beside the CPU and torchvision
 *   npm run bench:gpu -- --no-compiled --no-peers       less of it
 *   npm run bench:gpu -- --tflops 312 --tbps 2          a card's own limits, for the shares; those of H100 and H200 are known
 *
 * bench/results/<date>-<card>.json is written after every case: a run that is cut off leaves what it had. First comes
 * everything but torch.compile, then torch.compile, the most telling cases first; `--minutes` ends the run.
 *
 * Both do the same: GoogLeNet of 1000 classes at 224 x 224, in training with the losses of all heads, backward and SGD
 * with momentum. Ours takes bytes from the memory of JavaScript and gives logits back to it, two calls in flight; PyTorch's
 * images lie on the card (`device`) or come from pinned memory (`host`). At batch 1 each answer is waited for.
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { cardPeaks, peaksIn } from '../dist/lib/peaks.js'
import { planCost, updateCost } from '../dist/lib/planCost.js'
import { CardMonitor, findCard } from './card.mjs'
import { Contestant } from './contestant.mjs'
import { benchDecoders } from './loader.mjs'
import { describeMachine, median, print, save } from './report.mjs'

const TASKS = ['inference', 'training', 'loader']

const { values, positionals } = parseArgs({
  allowPositionals: true,
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
    'no-peers': { type: 'boolean', default: false },
    'no-compiled': { type: 'boolean', default: false },
  },
})
const tasks = positionals.length > 0 ? positionals : TASKS
const unknown = tasks.filter((task) => !TASKS.includes(task))
if (unknown.length > 0) {
  console.error(`unknown part ${unknown.join(', ')}; there are ${TASKS.join(', ')}`)
  process.exit(2)
}
const quick = values.quick
const rounds = Number(values.rounds ?? (quick ? 3 : 5))
const seconds = Number(values.seconds ?? (quick ? 0.7 : 2))
const minutes = Number(values.minutes ?? (quick ? 7.5 : 600))
const batches = {
  inference: values.batch?.map(Number) ?? (quick ? [1, 256] : [1, 8, 64, 256, 1024]),
  training: values.batch?.map(Number) ?? (quick ? [256] : [64, 256, 1024]),
}
const precisions = values.precision ?? (quick ? ['bf16', 'fp16'] : ['bf16', 'fp16', 'tf32'])
const deadline = Date.now() + minutes * 60_000

const here = new URL('.', import.meta.url).pathname
const card = values.device === 'cpu' ? { name: 'cpu' } : findCard(values.device)
const python = values['no-peers'] ? undefined : findPython()
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
const limits = arePeaksKnown && { tflops: peaks.flops / 1e12, tbps: peaks.bandwidth / 1e12 }
const report = {
  machine: { ...describeMachine(), card, limits },
  versions: {},
  cases: [],
  loader: [],
  failures: [],
}
const monitor = new CardMonitor()

/** A Python that has torch, with a card unless the benchmark itself is being tried. */
function findPython() {
  const test = values.device === 'cpu' ? 'import torch' : 'import torch; assert torch.cuda.is_available()'
  const names = [process.env.GOOGLENET_PEER_PYTHON, 'python3'].filter(Boolean)
  const found = names.find((name) => spawnSync(name, ['-c', test], { stdio: 'ignore' }).status === 0)
  if (!found)
    console.log('No Python whose PyTorch sees the card (GOOGLENET_PEER_PYTHON): measuring without a peer.')
  return found
}

/** Started when first asked for, and kept; one that ended in its work is started anew. */
const started = new Map()
async function contestant(name) {
  if (!started.has(name)) started.set(name, new Contestant(name, commands[name]))
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
  const what = { precision: precision === 'tf32' ? 'fp32' : precision, options, pixels: true }
  return {
    runner: 'ours',
    label: 'googlenet',
    what: { ...what, inFlight: task === 'inference' && batch === 1 ? 1 : 2 },
  }
}

/** PyTorch's ways that run without torch.compile, and with it. Whole models in a type are for inference alone. */
function peersOf({ task, precision }, compiled) {
  if (!python) return []
  const type = precision === 'bf16' || precision === 'fp16' ? ['autocast'] : ['whole']
  if (task === 'inference' && type[0] === 'autocast') type.push('whole')
  const how = compiled ? ['compiled'] : ['eager', 'graph']
  return how.flatMap((how) =>
    type.flatMap((type) =>
      (how === 'eager' ? ['device', 'host'] : ['device']).map((source) => ({
        runner: compiled ? 'compiled' : 'eager',
        label: `PyTorch ${how} ${type === 'whole' && precision.endsWith('32') ? '' : type} ${source}`.replace(
          '  ',
          ' ',
        ),
        what: { how, type, source },
      })),
    ),
  )
}

/** Runs ours and the peers in turn, and adds their rates to the case. A peer that fails is left out, and named. */
async function measure(work, peers) {
  const title = `${work.task}, batch ${work.batch}, ${work.precision}`
  const entries = []
  for (const [id, entry] of [oursOf(work), ...peers].entries()) {
    console.log(`${title}: preparing ${entry.label}`)
    try {
      const runner = await contestant(entry.runner)
      const details = await runner.prepare(id, { ...work, ...entry.what })
      entries.push({ ...entry, id, runner, rates: [], details })
    } catch (error) {
      fail(`${title}: ${entry.label}: ${error.message}`)
      if (/ended in the middle/.test(error.message)) started.delete(entry.runner)
      if (entry.runner === 'ours') return
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const entry of entries) {
      monitor.begin()
      try {
        entry.rates.push(await entry.runner.run(entry.id, seconds))
        entry.clocks = monitor.end()
      } catch (error) {
        fail(`${title}: ${entry.label}: ${error.message}`)
      }
    }
  }
  for (const runner of new Set(entries.map((entry) => entry.runner))) await runner.forget().catch(() => {})
  record(
    work,
    entries.filter(({ rates }) => rates.length > 0),
  )
}

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
  for (const { label, rates, clocks, details } of entries) {
    const imagesPerSecond = median(rates)
    const spread = (Math.max(...rates) - Math.min(...rates)) / imagesPerSecond
    console.log(`  ${label}: ${imagesPerSecond.toFixed(0)} images/s, ±${(50 * spread).toFixed(1)} %`)
    // Measured again beside torch.compile: each way is compared with ours of its own turns.
    const turns = entries[0].rates
    entry.results.push({
      label,
      imagesPerSecond,
      spread,
      ratio: median(turns) / imagesPerSecond,
      rates,
      clocks,
    })
    if (details.plan)
      Object.assign(entry, limit({ task, batch, precision }, details.plan), { memory: details.memory })
  }
  save(report, card.name)
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
  save(report, card.name)
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
  console.log(`written to ${save(report, card.name)}`)
  process.exit(report.cases.length + report.loader.length > 0 ? 0 : 1)
}

for (const work of cases) await measure(work, peersOf(work, false))
if (tasks.includes('loader')) await measureLoader()
if (python && !values['no-compiled']) {
  for (const work of cases) await measure(work, peersOf(work, true))
}
finish()
