/**
 * Measures the package and, where they are found, its peers in the same run, turn by turn.
 *
 *   npm run bench                                  all of it
 *   npm run bench -- inference training            parts: loader, inference, training, memory
 *   npm run bench -- training --batch 32 --precision bf16 --rounds 3 --seconds 4
 *   npm run bench -- --save                        also writes bench/results/<date>.json
 *
 * The peers are PyTorch and ONNX Runtime, run by the Python that GOOGLENET_PEER_PYTHON names, or by a python3 that
 * has torch; --no-peers leaves them out.
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { Contestant } from './contestant.mjs'
import { benchLoader } from './loader.mjs'
import { describeMachine, median, printTables, save } from './report.mjs'

const PARTS = ['inference', 'training', 'memory', 'loader']
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    batch: { type: 'string', multiple: true, default: ['1', '32'] },
    precision: { type: 'string', multiple: true, default: ['fp32', 'bf16'] },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    'no-peers': { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
})
const unknown = positionals.filter((part) => !PARTS.includes(part))
if (unknown.length > 0) {
  console.error(`unknown part ${unknown.join(', ')}; there are ${PARTS.join(', ')}`)
  process.exit(2)
}
const parts = positionals.length > 0 ? positionals : PARTS
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)

const here = new URL('.', import.meta.url).pathname
const python = values['no-peers'] ? undefined : findPython()
const commands = {
  ours: [process.execPath, `${here}ours.mjs`],
  pytorch: [python, `${here}peers/torch_bench.py`],
  onnxruntime: [python, `${here}peers/onnxruntime_bench.py`],
}
/** Started when first asked for, and kept: starting is not what is measured. */
const started = new Map()
function contestant(name) {
  if (!started.has(name)) started.set(name, start(name))
  return started.get(name)
}

async function start(name) {
  const runner = new Contestant(name, commands[name])
  Object.assign(report.versions, await runner.versions())
  return runner
}

/** A Python that has torch. */
function findPython() {
  const names = [process.env.GOOGLENET_PEER_PYTHON, 'python3'].filter(Boolean)
  const found = names.find((name) => spawnSync(name, ['-c', 'import torch']).status === 0)
  if (!found) console.log('No Python with PyTorch (GOOGLENET_PEER_PYTHON): measuring without peers.')
  return found
}

/** Who runs a case, and in which way. */
function entriesOf({ task, precision }) {
  const entries = [{ name: 'ours', label: 'googlenet', how: precision }]
  if (!python) return entries
  if (precision === 'bf16') {
    entries.push({ name: 'pytorch', label: 'PyTorch autocast', how: 'autocast' })
    entries.push({ name: 'pytorch', label: 'PyTorch bfloat16', how: 'bfloat16' })
  } else {
    entries.push({ name: 'pytorch', label: 'PyTorch', how: precision })
  }
  if (task === 'inference' && precision === 'fp32') {
    entries.push({ name: 'onnxruntime', label: 'ONNX Runtime', how: precision })
  }
  return entries
}

/** The case's median rates: every contestant has its turn in every round. */
async function measure(work) {
  const title = `${work.task}, batch ${work.batch}, ${work.precision}`
  const entries = []
  for (const [id, entry] of entriesOf(work).entries()) {
    progress(`${title}: preparing ${entry.label}`)
    try {
      const runner = await contestant(entry.name)
      await runner.prepare(id, { ...work, how: entry.how })
      entries.push({ ...entry, id, runner, rates: [] })
    } catch (error) {
      if (entry.name === 'ours') throw error
      console.log(`\r\x1b[K${title}: ${error.message}`)
    }
  }
  for (let round = 1; round <= rounds; round++) {
    for (const entry of entries) {
      progress(`${title}: round ${round} of ${rounds}, ${entry.label}`)
      entry.rates.push(await entry.runner.run(entry.id, seconds))
    }
  }
  for (const runner of new Set(entries.map((entry) => entry.runner))) await runner.forget()
  progress('')
  return {
    ...work,
    results: entries.map(({ label, rates }) => ({ label, imagesPerSecond: median(rates), rates })),
  }
}

/** Peak memory of a process that trains at batch 32, fp32, and does nothing else. */
async function measureMemory() {
  const results = []
  for (const [name, label] of [['ours', 'googlenet'], ...(python ? [['pytorch', 'PyTorch']] : [])]) {
    progress(`memory: ${label}`)
    const runner = new Contestant(name, commands[name])
    await runner.prepare(0, { task: 'training', batch: 32, precision: 'fp32', how: 'fp32' })
    await runner.run(0, seconds)
    results.push({ label, bytes: await runner.peakMemory() })
    runner.end()
  }
  progress('')
  return results
}

function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
  else if (text !== '' && !text.includes('round')) process.stderr.write(`${text}\n`)
}

const report = { machine: describeMachine(), versions: {}, cases: [], memory: [], loader: [] }
for (const task of ['inference', 'training'].filter((part) => parts.includes(part))) {
  for (const precision of values.precision) {
    for (const batch of values.batch.map(Number)) report.cases.push(await measure({ task, batch, precision }))
  }
}
for (const { value: runner } of await Promise.allSettled(started.values())) runner?.end()
if (parts.includes('memory')) report.memory = await measureMemory()
if (parts.includes('loader')) {
  progress('loader')
  report.loader = await benchLoader({ python, seconds })
  progress('')
}
printTables(report)
if (values.save) console.log(`written to ${save(report)}`)
