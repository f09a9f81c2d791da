/** What every plan must be; each rule throws where it is not. */
import type { NetworkDefinition, PlanOptions, PlanReport } from '../../binding.js'
import { checkModelOptions, defineNetwork } from '../../lib/options.js'
import { execute } from './execution.js'
import { same } from './lanes.js'

export const seed = (options: Parameters<typeof checkModelOptions>[0] = {}): NetworkDefinition =>
  defineNetwork(checkModelOptions(options))

/** All rules. `definition` has the heads that the plan has; rows are padded to a multiple of lanes. */
export function check(
  plan: PlanReport,
  definition: NetworkDefinition,
  options: PlanOptions,
  multiple: number,
) {
  same([plan.mode, plan.batch], [options.mode, options.batch], 'what was planned')
  execute(plan, definition, multiple)
  checkOrder(plan)
  checkArena(plan, options)
}

/** A buffer lives from its first use to its last, and the logits to the end. */
function checkOrder({ steps, buffers, heads, forwardSteps }: PlanReport) {
  const uses = new Map<string, number[]>(buffers.map(({ name }) => [name, []]))
  for (const [index, { reads, writes }] of steps.entries()) {
    for (const name of [...reads, ...writes]) uses.get(name)!.push(index)
  }
  for (const { buffer } of heads) uses.get(buffer)!.push(steps.length)
  same(uses.size, buffers.length, 'the number of names')
  for (const { name, first, last } of buffers) {
    same([first, last], [uses.get(name)!.at(0), uses.get(name)!.at(-1)], `the life of ${name}`)
  }
  const backward = steps.findIndex(({ operation }) => operation === 'softmax cross-entropy')
  same(forwardSteps, backward < 0 ? steps.length : backward, 'the steps of the forward pass')
}

/** No two buffers that live at one time share bytes, and sharing takes no more than not sharing. */
function checkArena({ buffers, arenaBytes, unsharedBytes }: PlanReport, { precision }: PlanOptions) {
  const sizes = { activation: precision === 'fp32' ? 4 : 2, float: 4, byte: 1 }
  for (const buffer of buffers) {
    const bytes = buffer.count * sizes[buffer.element]
    same([buffer.offset % 256, buffer.bytes >= bytes], [0, true], `the place of ${buffer.name}`)
  }
  const sorted = buffers.toSorted((a, b) => a.offset - b.offset)
  for (const [i, a] of sorted.entries()) {
    for (const b of sorted.slice(i + 1)) {
      if (b.offset >= a.offset + a.bytes) break
      const apart = a.last < b.first || b.last < a.first
      if (!apart) throw new Error(`${a.name} and ${b.name} live at one time and share bytes`)
    }
  }
  const end = Math.max(...buffers.map(({ offset, bytes }) => offset + bytes))
  const sum = buffers.reduce((bytes, buffer) => bytes + buffer.bytes, 0)
  same([arenaBytes, unsharedBytes, end <= sum], [end, sum, true], 'the bytes of the arena')
}
