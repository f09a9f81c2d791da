import type { Command } from 'commander'
import type { Prediction } from '../classify.js'
import { GoogLeNetError } from '../errors.js'
import { percent } from '../report/format.js'
import { addDeviceOptions, type DeviceFlags, deviceOptions, whole } from './arguments.js'
import { interruptible } from './interrupt.js'
import { bar, paint, print, printError, printJson } from './output.js'

interface Flags extends DeviceFlags {
  top: number
  json?: boolean
}

export function addClassify(program: Command): void {
  const command = program
    .command('classify')
    .description('Says what pictures show, and how sure the network is.')
    .argument('<model>', 'a run folder (its best weights), a weights file or a checkpoint')
    .argument('<pictures...>', 'JPEG or PNG files')
    .option('--top <n>', 'answers for each picture', whole('--top', 1), 5)
  addDeviceOptions(command)
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
A picture that cannot be read is named on standard error; the others are classified, and the exit code is 1.

Examples:
  googlenet classify run/ holiday.jpg
  googlenet classify weights.safetensors *.jpg --top 1 --json`,
    )
    .action(classify)
}

async function classify(model: string, pictures: string[], flags: Flags): Promise<void> {
  const { GoogLeNet } = await import('../network.js')
  using net = await GoogLeNet.open(model, deviceOptions(flags))
  const answered: { path: string; predictions: Prediction[] }[] = []
  await interruptible(async (signal) => {
    for (const path of pictures) {
      try {
        const predictions = await net.classify(path, { top: flags.top, signal })
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
