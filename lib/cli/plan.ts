import type { Command } from 'commander'
import { bytes, count } from '../report/format.js'
import { table } from '../table.js'
import {
  addDeviceOptions,
  addNetworkOptions,
  type DeviceFlags,
  deviceOptions,
  type NetworkFlags,
  networkOptions,
  whole,
} from './arguments.js'
import { print, printJson } from './output.js'

interface Flags extends NetworkFlags, DeviceFlags {
  classes: number
  batch: number
  mode: 'eval' | 'train'
  json?: boolean
}

export function addPlan(program: Command): void {
  const command = program
    .command('plan')
    .description(
      'Prints the compiled plan: the operations as they run, and where their buffers lie in memory.',
    )
    .option('--batch <n>', 'images in a batch', whole('--batch', 1), 1)
    .option('--mode <mode>', 'eval or train', 'eval')
    .option('--classes <n>', 'how many classes', whole('--classes', 1), 1000)
  addNetworkOptions(command)
  addDeviceOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  googlenet plan
  googlenet plan --mode train --batch 32 --json`,
    )
    .action(plan)
}

async function plan(flags: Flags): Promise<void> {
  const { checkChoice } = await import('../checks.js')
  const mode = checkChoice('--mode', flags.mode, ['eval', 'train'])
  const { GoogLeNet } = await import('../network.js')
  using net = await GoogLeNet.create({
    classes: flags.classes,
    ...networkOptions(flags),
    ...deviceOptions(flags),
  })
  const report = await net.plan(flags.batch, mode)
  if (flags.json) return printJson(report)

  const steps = report.steps.map((step, index) => [
    String(index + 1),
    step.operation,
    step.layers.join(' '),
    step.reads.join(' '),
    step.writes.join(' '),
  ])
  print(table(['step', 'operation', 'layers', 'reads', 'writes'], steps, 5))
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
  print(`The arena takes ${bytes(report.arenaBytes)} for a batch of ${flags.batch}, mode ${mode}.`)
}
