import type { Command } from 'commander'
import type { ModelOptions } from '../options.js'
import { addNetworkOptions, type NetworkFlags, networkOptions, whole } from './arguments.js'
import { print, printJson } from './output.js'

interface Flags extends NetworkFlags {
  classes: number
  json?: boolean
}

export function addSummary(program: Command): void {
  const command = program
    .command('summary')
    .description("Prints the network's layers: output shapes, parameters, multiply-accumulates (MACs).")
    .argument('[model]', 'a weights file, checkpoint or run folder to describe, instead of the options')
    .option('--classes <n>', 'how many classes', whole('--classes', 1), 1000)
  addNetworkOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  googlenet summary
  googlenet summary --variant paper --no-aux
  googlenet summary run/`,
    )
    .action(summary)
}

async function summary(model: string | undefined, flags: Flags): Promise<void> {
  const { formatSummary, summarize } = await import('../models/summary.js')
  const counted = summarize(model ? await optionsOf(model) : await optionsFrom(flags))
  if (flags.json) printJson(counted)
  else print(formatSummary(counted))
}

async function optionsFrom(flags: Flags): Promise<ModelOptions> {
  const { checkModelOptions } = await import('../options.js')
  return checkModelOptions({ classes: flags.classes, ...networkOptions(flags) })
}

async function optionsOf(model: string): Promise<ModelOptions> {
  const { findModelFile, readModelFile } = await import('../weights/modelFile.js')
  const { optionsOfFile } = await import('../weights/detect.js')
  return optionsOfFile(model, await readModelFile(await findModelFile(model)))
}
