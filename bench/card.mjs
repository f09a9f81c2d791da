/** The card under measurement: what it is, and its clocks while work runs on it, from nvidia-smi where that is there. */
import { spawn, spawnSync } from 'node:child_process'
import { binding } from '../dist/lib/native.js'
import { hostEnvironment } from './contestant.mjs'
import { median } from './report.mjs'

const FIELDS = ['clocks.sm', 'clocks.mem', 'power.draw', 'temperature.gpu']
const EVERY_MS = 100

/** Ends the process, with the reason, where there is no card to measure. */
export function findCard(device) {
  const { cuda } = binding.system()
  const card = cuda.cards[Number(device.split(':')[1] ?? 0)]
  if (card)
    return {
      ...card,
      driver: cuda.driver,
      libraries: cuda.libraries.map(({ name, version }) => `${name} ${version}`),
    }
  console.log(`There is no card to measure: ${cuda.problem || `no device ${device}`}`)
  process.exit(1)
}

export class CardMonitor {
  #child
  #samples = []

  constructor() {
    if (spawnSync('nvidia-smi', ['-L'], { stdio: 'ignore', env: hostEnvironment() }).status !== 0) return
    const query = [
      `--query-gpu=${FIELDS.join(',')}`,
      '--format=csv,noheader,nounits',
      '-i',
      '0',
      '-lms',
      String(EVERY_MS),
    ]
    this.#child = spawn('nvidia-smi', query, {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: hostEnvironment(),
    })
    this.#child.stdout.on('data', (chunk) => {
      for (const line of String(chunk).trim().split('\n')) this.#samples.push(line.split(',').map(Number))
    })
    this.#child.unref()
  }

  begin() {
    this.#samples = []
  }

  /** Medians since begin(); undefined without nvidia-smi. */
  end() {
    if (this.#samples.length === 0) return undefined
    return Object.fromEntries(
      FIELDS.map((name, i) => [
        name,
        median(this.#samples.map((sample) => sample[i]).filter(Number.isFinite)),
      ]),
    )
  }

  stop() {
    this.#child?.kill()
  }
}
