/**
 * The least time that a card's arithmetic and memory allow for each kind of step of a batch, from the plan alone:
 *
 *   npx tsx bench/limits.ts [--variant seed] [--batch 256] [--card H200] [--json]
 *
 * fp32 stands for products in TF32, which is what `tf32: true` gives.
 */
import { parseArgs } from 'node:util'
import type { PlanReport } from '../binding.js'
import { type Variant, variants } from '../lib/models/variants.js'
import { binding } from '../lib/native.js'
import { cardPeaks, peaksIn } from '../lib/peaks.js'
import { kindRows, type ProfileRow, stepRows, totalRow } from '../lib/profile.js'
import { table } from '../lib/table.js'

const { values } = parseArgs({
  options: {
    variant: { type: 'string', default: 'seed' },
    batch: { type: 'string', default: '256' },
    card: { type: 'string', default: 'H200' },
    json: { type: 'boolean', default: false },
  },
})
const peaks = cardPeaks(values.card)
if (peaks === undefined) throw new Error(`the peaks of ${values.card} are not known: see lib/peaks.ts`)
if (!Object.hasOwn(variants, values.variant)) throw new Error(`there is no variant ${values.variant}`)
const { define, defaults } = variants[values.variant as Variant]
const definition = define({ classes: 1000, channels: 3, imageSize: 224, aux: true, ...defaults })

/** A row for each kind of step, and one for all. */
function limits(mode: 'eval' | 'train', precision: 'fp32' | 'bf16' | 'fp16'): ProfileRow[] {
  const plan: PlanReport = binding.plan(definition, {
    device: 'cuda',
    precision,
    mode,
    batch: Number(values.batch),
    mainHeadOnly: mode === 'eval',
  })
  const names = [...plan.steps.map(({ operation }) => operation), ...(mode === 'train' ? ['update'] : [])]
  const steps = names.map((name) => ({ name, layer: '', seconds: 0 }))
  const at = peaksIn(precision === 'fp32' ? 'tf32' : precision, peaks!)
  const rows = kindRows(stepRows({ plan, steps, whole: 0 }, precision, at))
  return [...rows.sort((a, b) => b.limit! - a.limit!), totalRow('all', rows)]
}

const plans = (['train', 'eval'] as const).flatMap((mode) =>
  (['fp16', 'bf16', 'fp32'] as const).map((precision) => ({
    mode,
    precision,
    rows: limits(mode, precision),
  })),
)
if (values.json) {
  console.log(JSON.stringify(plans))
} else {
  for (const { mode, precision, rows } of plans) {
    console.log(`${mode}, ${precision}`)
    const lines = rows.map(({ operation, count, flops, bytes, limit }) => [
      operation,
      String(count),
      (flops / 1e12).toFixed(3),
      (bytes / 1e9).toFixed(2),
      (limit! * 1000).toFixed(3),
    ])
    console.log(`${table(['step', 'count', 'Tflop', 'GB', 'ms'], lines, 4)}\n`)
  }
}
