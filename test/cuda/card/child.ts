/** Starts child.mjs on a tiny network, below another program where one is given. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { step, tinyBatch, tinyDefinition, tinyLabels, tinyOptions } from '../../addon/tiny.js'

const childFile = fileURLToPath(new URL('child.mjs', import.meta.url))

function given(precision: string): string {
  const { data, ...batch } = tinyBatch(8)
  return JSON.stringify({
    definition: tinyDefinition(),
    options: { ...tinyOptions, device: 'cuda', precision, deterministic: true },
    batch: { ...batch, data: [...data] },
    labels: [...tinyLabels(8)],
    step,
  })
}

export function runChild(scenario: string, precision: string, under: readonly string[] = []) {
  const [program, ...args] = [...under, process.execPath, childFile, scenario, given(precision)]
  const { status, signal, stdout, stderr } = spawnSync(program!, args, { encoding: 'utf8', timeout: 110_000 })
  return { status, signal, output: stdout, errors: stderr }
}
