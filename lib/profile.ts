import type { Peaks, PlanStep, Precision, ProfileReport } from '../binding.js'
import { type PlanCost, stepCost, updateCost } from './planCost.js'

/** A step, or the steps of one kind together. */
export interface ProfileRow extends PlanCost {
  operation: string
  /** Those that a step computes; empty for a kind. */
  layers: readonly string[]
  count: number
  seconds: number
  /** Of the time of all. */
  share: number
  /** The least time that the peaks allow for what must be computed and moved; absent without peaks. */
  limit?: number
}

/** The steps of a profile as they ran. */
export function stepRows({ plan, steps }: ProfileReport, precision: Precision, peaks?: Peaks): ProfileRow[] {
  const total = steps.reduce((sum, { seconds }) => sum + seconds, 0)
  return steps.map(({ name, seconds }, index) => {
    const step: PlanStep | undefined = plan.steps[index]
    // What readies the weights for the next step is the backend's own affair: it has no cost that must be.
    const cost = step
      ? stepCost(step, plan, precision)
      : name === 'update'
        ? updateCost(plan)
        : { flops: 0, bytes: 0 }
    return {
      operation: name,
      layers: step?.layers ?? [],
      count: 1,
      seconds,
      share: seconds / total,
      ...cost,
      ...(peaks && { limit: Math.max(cost.flops / peaks.flops, cost.bytes / peaks.bandwidth) }),
    }
  })
}

/** The rows of each operation added up. */
export function kindRows(rows: readonly ProfileRow[]): ProfileRow[] {
  const kinds = new Map<string, ProfileRow>()
  for (const row of rows) {
    const kind = kinds.get(row.operation)
    kinds.set(row.operation, kind ? added(kind, row) : { ...row, layers: [] })
  }
  return [...kinds.values()]
}

/** All rows added up, under a name. */
export function totalRow(operation: string, rows: readonly ProfileRow[]): ProfileRow {
  const none: ProfileRow = { operation, layers: [], count: 0, seconds: 0, share: 0, flops: 0, bytes: 0 }
  const limited = rows.every(({ limit }) => limit !== undefined)
  return rows.reduce(added, limited ? { ...none, limit: 0 } : none)
}

export const bySeconds = (a: ProfileRow, b: ProfileRow): number => b.seconds - a.seconds

function added(a: ProfileRow, b: ProfileRow): ProfileRow {
  return {
    operation: a.operation,
    layers: [],
    count: a.count + b.count,
    seconds: a.seconds + b.seconds,
    share: a.share + b.share,
    flops: a.flops + b.flops,
    bytes: a.bytes + b.bytes,
    ...(a.limit !== undefined && b.limit !== undefined && { limit: a.limit + b.limit }),
  }
}
