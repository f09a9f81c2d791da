import type { Command } from 'commander'
import type { Prediction } from '../classify.js'
import { GoogLeNetError } from '../errors.js'
import { percent } from '../report/format.js'
import {
  addDeviceOptions,
  addJudgingOptions,
  type DeviceFlags,
  deviceOptions,
  type JudgingFlags,
  pick,
  whole,
} from './arguments.js'
import { interruptible } from './interrupt.js'
import { bar, paint, print, printError, printJson } from './output.js'

interface Flags extends DeviceFlags, JudgingFlags {
  top: number
  with: string[]
  json?: boolean
}

export function addClassify(program: Command): void {
  const command = program
    .command('classify')
    .description('Says what pictures show, and how sure the network is.')
    .argument('<model>', 'a run folder (its best weights), a weights file or a checkpoint')
    .argument('<pictures...>', 'JPEG or PNG files')
    .option('--top <n>', 'answers for each picture', whole('--top', 1), 5)
    .option(
      '--with <model>',
      'a further network, whose answers are averaged with the first (again for more)',
      (path: string, before: string[]) => [...before, path],
      [],
    )
  addDeviceOptions(addJudgingOptions(command))
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
A picture that cannot be read is named on standard error; the others are classified, and the exit code is 1.

Examples:
  googlenet classify run/ holiday.jpg
  googlenet classify run/ holiday.jpg --crops 10 --with other-run/
  googlenet classify weights.safetensors *.jpg --top 1 --json`,
    )
    .action(classifyCommand)
}

async function classifyCommand(model: string, pictures: string[], flags: Flags): Promise<void> {
  const { classify } = await import('../ensemble.js')
  const { openNetworks } = await import('./networks.js')
  using open = await openNetworks([model, ...flags.with], deviceOptions(flags))
  const answered: { path: string; predictions: Prediction[] }[] = []
  await interruptible(async (signal) => {
    for (const path of pictures) {
      try {
        const options = { ...pick(flags, 'top', 'crops', 'quality', 'orientation', 'decoder'), signal }
        const [predictions = []] = await classify(open.nets, [path], options)
        answered.push({ path, predictions })
        if (!flags.json) printPredictions(path, predictions)
      } catch (error) {
        if (!(error instanceof GoogLeNetError) || error.code === 'ERR_GOOGLENET_ABORTED') throw error
        printError(error.code, error.message)
        process.exitCode = 1
      }
    }
  })
  if (flags.json) printJson({ model, pictures: answered })
}

/** One picture's answers: how sure, what, and a bar. */
export function printPredictions(path: string, predictions: readonly Prediction[]): void {
  const width = Math.max(...predictions.map(({ label }) => label.length))
  print(paint('bold', path))
  predictions.forEach(({ label, probability }, rank) => {
    const line = `  ${percent(probability).padStart(7)}  ${label.padEnd(width)}`
    print(`${rank === 0 ? line : paint('dim', line)}  ${paint('blue', bar(probability, 24))}`)
  })
}
