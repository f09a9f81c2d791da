/** A step under compute-sanitizer, which takes up to minutes for each check. */
import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { cardTargets } from '../../conformance/targets.js'
import { runChild } from './child.js'

const sanitizer = ['/usr/local/cuda/bin/compute-sanitizer', 'compute-sanitizer'].find(
  (program) => spawnSync(program, ['--version']).status === 0,
)

describe.each(cardTargets)('on $name', ({ precision, missing }) => {
  if (missing) return it.skip(missing)
  if (!sanitizer) return it.skip('compute-sanitizer is not installed')

  it.for(['memcheck', 'racecheck', 'synccheck'])('finds nothing in a step (%s)', (tool, { skip }) => {
    const under = [sanitizer, '--tool', tool, '--error-exitcode', '9']
    const found = runChild('one step', precision, under)
    // Some virtual machines keep it from the card.
    skip(/Device not supported/.test(found.output + found.errors), 'compute-sanitizer: Device not supported')
    expect(found).toMatchObject({ status: 0, signal: null })
  })
})
