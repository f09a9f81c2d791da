/** What is seen from outside of a process that has a network on the card. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { step, tinyBatch, tinyDefinition, tinyLabels, tinyOptions } from '../../addon/tiny.js'
import { cardTargets } from '../../conformance/targets.js'

const childFile = fileURLToPath(new URL('child.mjs', import.meta.url))
const sanitizer = ['/usr/local/cuda/bin/compute-sanitizer', 'compute-sanitizer'].find(
  (program) => spawnSync(program, ['--version']).status === 0,
)

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

function run(scenario: string, precision: string, under: readonly string[] = []) {
  const [program, ...args] = [...under, process.execPath, childFile, scenario, given(precision)]
  const { status, signal, stdout, stderr } = spawnSync(program!, args, { encoding: 'utf8', timeout: 110_000 })
  return { status, signal, output: stdout, errors: stderr }
}

const ended = { status: 0, signal: null }

describe.each(cardTargets)('on $name', ({ precision, missing }) => {
  if (missing) return it.skip(missing)

  it('worker threads and the main thread compute the same', () => {
    const { output, ...end } = run('trains in workers', precision)
    expect(end).toMatchObject(ended)
    const [first, ...others] = JSON.parse(output) as number[][]
    expect(first!.every(Number.isFinite)).toBe(true)
    expect(others).toEqual([first, first, first])
  })

  it('workers that are terminated in a step leave the card as it was', () => {
    const { output, ...end } = run('terminates its workers', precision)
    expect(end).toMatchObject(ended)
    expect(JSON.parse(output)).toHaveLength(5)
  })

  const checks = ['memcheck', 'racecheck', 'synccheck']
  if (!sanitizer) it.skip('compute-sanitizer is not installed')
  else {
    it.each(checks)('compute-sanitizer finds nothing in a step (%s)', (tool) => {
      const under = [sanitizer, '--tool', tool, '--error-exitcode', '9']
      expect(run('one step', precision, under)).toMatchObject(ended)
    })
  }
})
