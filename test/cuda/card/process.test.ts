/** What is seen from outside of a process that has a network on the card. */
import { describe, expect, it } from 'vitest'
import { cardTargets } from '../../conformance/targets.js'
import { runChild } from './child.js'

const ended = { status: 0, signal: null }

describe.each(cardTargets)('on $name', ({ precision, missing }) => {
  if (missing) return it.skip(missing)

  it('worker threads and the main thread compute the same', () => {
    const { output, ...end } = runChild('trains in workers', precision)
    expect(end).toMatchObject(ended)
    const [first, ...others] = JSON.parse(output) as number[][]
    expect(first!.every(Number.isFinite)).toBe(true)
    expect(others).toEqual([first, first, first])
  })

  it('workers that are terminated in a step leave the card as it was', () => {
    const { output, ...end } = runChild('terminates its workers', precision)
    expect(end).toMatchObject(ended)
    expect(JSON.parse(output)).toHaveLength(5)
  })
})
