import type { Command } from 'commander'
import type { PlanReport, PlanStep, PlanView, PlanWindow, Precision } from '../../binding.js'
import { viewsOf } from '../planViews.js'
import { bytes, count } from '../report/format.js'
import { table } from '../table.js'
import { addNetworkOptions, type NetworkFlags, networkOptions, whole } from './arguments.js'
import { print, printJson } from './output.js'

interface Flags extends NetworkFlags {
  classes: number
  batch: number
  mode: 'eval' | 'train'
  heads: 'all' | 'main'
  device: 'cpu' | 'cuda'
  precision: Precision
  json?: boolean
}

export function addPlan(program: Command): void {
  const command = program
    .command('plan')
    .description(
      'Prints the compiled plan: the operations as they run, and where their buffers lie in memory. The device need not be there.',
    )
    .option('--batch <n>', 'images in a batch', whole('--batch', 1), 1)
    .option('--mode <mode>', 'eval or train', 'eval')
    .option('--heads <which>', 'all, or main: without what only the auxiliary heads need (eval)', 'all')
    .option('--classes <n>', 'how many classes', whole('--classes', 1), 1000)
  addNetworkOptions(command)
    .option('--device <name>', 'cpu or cuda', 'cpu')
    .option('--precision <type>', 'fp32, bf16 or fp16', 'fp32')
    .option('--json', 'print one JSON object, with every field of every step')
    .addHelpText(
      'after',
      `
Examples:
  googlenet plan
  googlenet plan --mode train --batch 32 --json
  googlenet plan --device cuda --precision fp16 --mode train --batch 256`,
    )
    .action(plan)
}

async function plan(flags: Flags): Promise<void> {
  const report = await makePlan(flags)
  if (flags.json) return printJson(report)

  const steps = report.steps.map((step, index) => {
    const { reads, writes } = viewsOf(step)
    return [
      String(index + 1),
      step.operation,
      step.layers.join(' '),
      details(step),
      text(reads),
      text(writes),
    ]
  })
  print(table(['step', 'operation', 'layers', 'how', 'reads', 'writes'], steps, 6))
  print()
  const buffers = report.buffers.map((buffer) => [
    buffer.name,
    bytes(buffer.bytes),
    count(buffer.offset),
    String(buffer.first + 1),
    String(buffer.last + 1),
  ])
  print(table(['buffer', 'size', 'offset', 'from step', 'to step'], buffers, 1))
  print()
  print(
    `The arena takes ${bytes(report.arenaBytes)} for a batch of ${flags.batch}, mode ${flags.mode}; ` +
      `without sharing it would take ${bytes(report.unsharedBytes)}.`,
  )
}

async function makePlan(flags: Flags): Promise<PlanReport> {
  const { checkChoice, checkNumber } = await import('../checks.js')
  const options = {
    device: checkChoice('--device', flags.device, ['cpu', 'cuda']),
    precision: checkChoice('--precision', flags.precision, ['fp32', 'bf16', 'fp16']),
    batch: checkNumber('--batch', flags.batch, { min: 1, max: 65535, whole: true }),
    mode: checkChoice('--mode', flags.mode, ['eval', 'train']),
    mainHeadOnly: checkChoice('--heads', flags.heads, ['all', 'main']) === 'main',
  }
  const { checkModelOptions, defineNetwork } = await import('../options.js')
  const { asGoogLeNetError } = await import('../errors.js')
  const definition = defineNetwork(checkModelOptions({ classes: flags.classes, ...networkOptions(flags) }))
  const { binding } = await import('../native.js')
  try {
    return binding.plan(definition, options)
  } catch (error) {
    throw asGoogLeNetError(error, 'ERR_GOOGLENET_NATIVE', 'cannot plan the network')
  }
}

function details({ window, ...step }: PlanStep): string {
  return [
    window && windowText(window),
    step.fold && 'BatchNorm',
    step.relu && 'ReLU',
    step.accumulate && 'adds',
  ]
    .filter(Boolean)
    .join(' ')
}

function windowText({ kernel, stride, adaptive, out }: PlanWindow): string {
  if (adaptive) return `to ${out.height}x${out.width}`
  return `${kernel}x${kernel}${stride > 1 ? `/${stride}` : ''}`
}

const text = (views: readonly PlanView[]): string => views.map(shown).join(' ')

/** A buffer's name, and which of its channels. */
function shown({ buffer, channels, padding, offset, stride }: PlanView): string {
  if (channels === stride) return buffer
  return `${buffer}[${offset}:${offset + channels}${padding > 0 ? `+${padding}` : ''} of ${stride}]`
}
