import type { PlanReport, PlanStep, PlanView } from '../../binding.js'
import { imagesName } from '../../lib/models/shapes.js'
import { viewsOf } from '../../lib/planViews.js'
import { add, type Lane } from './meaning.js'

/**
 * What lies in the lanes of each buffer's rows: nothing yet, zero (no words), the word of a channel, or the words
 * that were added up in a gradient. A lane is written once: again only to be added to, or in place of what the same
 * step reads.
 */
export class Lanes {
  readonly #lanes = new Map<string, (Lane | undefined)[]>()
  readonly #counts: Map<string, number>

  /** `multiple`: of lanes, what rows are padded to. */
  constructor(
    plan: PlanReport,
    private readonly multiple: number,
  ) {
    this.#counts = new Map(plan.buffers.map(({ name, count }) => [name, count]))
  }

  /** The lists of buffers say what the views do, and the views are where they may be. */
  checkViews(step: PlanStep): void {
    const { reads, writes } = viewsOf(step)
    for (const view of [...reads, ...writes]) this.#checkView(step, view)
    const names = (views: PlanView[]) => [...new Set(views.map(({ buffer }) => buffer))].sort()
    const added = step.accumulate ? names(writes) : []
    same([...new Set(step.writes)].sort(), names(writes), 'the buffers written')
    same([...new Set([...step.reads, ...added])].sort(), names(reads), 'the buffers read')
  }

  #checkView({ operation }: PlanStep, { buffer, rows, channels, stride, offset, padding }: PlanView): void {
    same(rows * stride, this.#counts.get(buffer), `the elements of ${buffer}`)
    const end = offset + channels + padding
    if (offset < 0 || channels < 1 || end > stride) throw new Error(`a view that is not within ${buffer}`)
    if (stride % this.multiple !== 0) throw new Error(`rows of ${buffer} that are no multiple`)
    if (padding !== 0 && end !== stride) throw new Error(`padding in the midst of ${buffer}`)
    // A copy alone deals with sources whose channels are no multiples and lie side by side in a concat.
    if (operation === 'copy') return
    if (offset % this.multiple !== 0) throw new Error(`a view of ${buffer} that begins between multiples`)
    if ((channels + padding) % this.multiple !== 0) {
      throw new Error(`a view of ${buffer} that ends between multiples`)
    }
  }

  /** Views that share the rows of another side by side each begin at a multiple there too. */
  checkSplit(views: readonly PlanView[]): void {
    let first = 0
    for (const { buffer, channels } of views) {
      if (first % this.multiple !== 0) throw new Error(`${buffer} is split off between multiples`)
      first += channels
    }
  }

  read(step: PlanStep, view: PlanView): Lane[] {
    const lanes = this.#lanes.get(view.buffer) ?? []
    const { channels, padding } = columns(step, view)
    for (const column of padding) {
      if (lanes[column]?.length !== 0) throw new Error(`padding of ${view.buffer} that is not zero`)
    }
    return channels.map((column) => {
      const lane = lanes[column]
      if (!lane) throw new Error(`reads ${view.buffer}[${column}] before it is written`)
      return lane
    })
  }

  expect(step: PlanStep, view: PlanView, wanted: Lane[]): void {
    const found = this.read(step, view)
    const alike = (a: Lane, b: Lane) =>
      a === b || (a.length === b.length && a.every((word, i) => word === b[i]))
    const equal = found.length === wanted.length && found.every((lane, i) => alike(lane, wanted[i]!))
    if (!equal) same(found, wanted, `what ${view.buffer} holds`)
  }

  write(step: PlanStep, view: PlanView, values: Lane[]): void {
    const lanes = this.#lanes.get(view.buffer) ?? []
    this.#lanes.set(view.buffer, lanes)
    const { channels, padding } = columns(step, view)
    same(channels.length, values.length, `the channels of ${view.buffer}`)
    const nobodyReads = view.buffer === `${imagesName}.gradient`
    const inPlace = /^batch norm .*backward$/.test(step.operation) && step.input?.buffer === view.buffer
    for (const [i, column] of channels.entries()) {
      const before = lanes[column]
      const where = `${view.buffer}[${column}]`
      if (step.accumulate && !before?.every(isGradient)) throw new Error(`adds to ${where}, no gradient`)
      if (!step.accumulate && before && !inPlace && !nobodyReads) throw new Error(`writes ${where} again`)
      lanes[column] = step.accumulate ? add(before!, values[i]!) : values[i]!
    }
    for (const column of padding) lanes[column] = []
  }
}

const isGradient = (word: string) => /^(by |loss)/.test(word)

/** The lanes of a view: rows that are whole images are taken apart into pixels, each with its share of the padding. */
function columns(step: PlanStep, view: PlanView): { channels: number[]; padding: number[] } {
  const pixels = view === step.input || view === step.inputGradient ? (step.pixels ?? 1) : 1
  const from = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i)
  const channels = view.channels / pixels
  return {
    channels: from(view.offset, channels),
    padding: from(view.offset + channels, view.padding / pixels),
  }
}

/** Throws unless they are equal. */
export function same(found: unknown, wanted: unknown, what: string): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)]
  if (a !== b) throw new Error(`${what}: found ${a}, wanted ${b}`)
}
