import { basename, join } from 'node:path'
import type { Command } from 'commander'
import type { GoogLeNet } from '../network.js'
import { count, duration, percent } from '../report/format.js'
import { bestFile } from '../weights/modelFile.js'
import { addDeviceOptions, addNetworkOptions, deviceOptions, networkOptions } from './arguments.js'
import { loadForFineTuning } from './fineTune.js'
import { interruptible } from './interrupt.js'
import { print, printJson } from './output.js'
import { runSession, type SessionResult, savingNotice } from './session.js'
import {
  addOptimizerOptions,
  addPictureOptions,
  addRunOptions,
  type TrainFlags,
  trainOptions,
} from './trainOptions.js'

export function addTrain(program: Command): void {
  const command = program
    .command('train')
    .description('Trains a network on your pictures.')
    .argument(
      '<data>',
      'a folder with one folder of JPEG or PNG files a class, or with train/ and val/ of such',
    )
    .option('--out <folder>', 'the run folder: checkpoints, best weights, report.html', 'run')
    .option('--resume', 'go on with the run in the folder, from its last checkpoint')
    .option('--from <weights>', 'begin with trained weights (fine-tuning); the classes may differ')
  addOptimizerOptions(command)
  addPictureOptions(command)
  addDeviceOptions(addNetworkOptions(command.optionsGroup('Network and device:')))
  addRunOptions(command)
    .addHelpText(
      'after',
      `
Ctrl-C saves a checkpoint and ends; the same command with --resume goes on as if it had never stopped. A second
Ctrl-C ends at once.

Examples:
  googlenet train pictures/                  30 epochs, a tenth of the pictures for validation
  googlenet train pictures/ --out run/ --resume
  googlenet train pictures/ --image-size 128 --epochs 60 --schedule cosine --warmup 2 --ema 0.999
  googlenet train mine/ --out mine-run/ --from run/ --lr 0.005 --epochs 10
  googlenet train pictures/ --json | tee events.jsonl`,
    )
    .action(train)
}

async function train(path: string, flags: TrainFlags): Promise<void> {
  const { ImageFolder } = await import('../data/imageFolder.js')
  const data = await ImageFolder.open(path, {
    seed: flags.seed,
    ...(flags.validation > 0 && { split: { validation: flags.validation } }),
  })
  using net = await startNetwork(flags, data.classes)
  const result = await interruptible(
    (signal) =>
      runSession({
        net,
        data,
        options: trainOptions(flags, signal),
        title: `GoogLeNet on ${basename(path)}`,
        subtitle: `${count(data.train.length)} pictures in ${data.classes.length} classes, from ${path}`,
        configuration: flags.from ? [['fine-tuned from', flags.from]] : [],
        json: flags.json === true,
      }),
    savingNotice,
  )
  const weights = join(flags.out, bestFile)
  if (flags.json) printJson({ type: 'result', run: flags.out, weights, report: result.report })
  else printResult(flags.out, weights, result)
}

async function startNetwork(flags: TrainFlags, classes: readonly string[]): Promise<GoogLeNet> {
  const { GoogLeNet } = await import('../network.js')
  if (flags.resume) {
    const { lastCheckpoint } = await import('../training/checkpoint.js')
    return GoogLeNet.open(await lastCheckpoint(flags.out), deviceOptions(flags))
  }
  const { seed, from } = flags
  const net = await GoogLeNet.create({ classes, seed, ...networkOptions(flags), ...deviceOptions(flags) })
  if (!from) return net
  try {
    const fresh = await loadForFineTuning(net, from)
    const leftOut = fresh.length > 0 ? `; not taken over: ${fresh.join(', ')}` : ''
    process.stderr.write(`Beginning with the weights of ${from}${leftOut}\n`)
    return net
  } catch (error) {
    net.dispose()
    throw error
  }
}

function printResult(run: string, weights: string, { end, report }: SessionResult): void {
  const seconds = end.epochs.reduce((sum, epoch) => sum + epoch.seconds, 0)
  const best = end.best ? ` Best: top-1 ${percent(end.best.top1)} in epoch ${end.best.epoch + 1}.` : ''
  print(`\nDone: ${end.epochs.length} epochs in ${duration(seconds)}.${best}`)
  print(`  weights  ${weights}`)
  print(`  report   ${report}`)
  print(`\nTry it:  googlenet classify ${run} picture.jpg`)
}
