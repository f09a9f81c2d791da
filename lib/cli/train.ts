import { basename, join } from 'node:path'
import type { Command } from 'commander'
import { GoogLeNetError } from '../errors.js'
import type { GoogLeNet } from '../network.js'
import { count, duration, percent } from '../report/format.js'
import { bestFile } from '../weights/modelFile.js'
import { addDeviceOptions, addNetworkOptions, deviceOptions, networkOptions, pick } from './arguments.js'
import { addSourceOptions, openData } from './dataOptions.js'
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

const dataHelp =
  'a folder with one folder of JPEG or PNG files a class, or with train/ and val/ of such; ImageNet as downloaded ' +
  "(its archives, their folder, or Kaggle's layout); WebDataset or parquet shards, a packed folder, http(s) addresses"

export function addTrain(program: Command): void {
  const command = program
    .command('train')
    .description('Trains a network on your pictures.')
    .argument('[data]', dataHelp)
    .option('--data <path>', 'the same, as an option')
    .option('--out <folder>', 'the run folder: checkpoints, best weights, report.html', 'run')
    .option('--resume', 'go on with the run in the folder, from its last checkpoint')
    .option(
      '--from <weights>',
      'begin with trained weights (fine-tuning), of their variant; the classes may differ',
    )
  addOptimizerOptions(command)
  addPictureOptions(command)
  addSourceOptions(command.optionsGroup('Data:'))
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
  googlenet train /data/imagenet             read in place from ILSVRC2012_img_train.tar, _img_val.tar and the devkit
  googlenet train --data ILSVRC2012_img_train.tar --validation ILSVRC2012_img_val.tar \\
    --devkit ILSVRC2012_devkit_t12.tar.gz
  googlenet train pictures/ --json | tee events.jsonl`,
    )
    .action(train)
}

async function train(argument: string | undefined, flags: TrainFlags): Promise<void> {
  const path = dataPath(argument, flags.data)
  const json = flags.json === true
  const { validation, ...parts } = flags
  const isShare = typeof validation === 'number'
  const data = await interruptible((signal) =>
    openData(path, isShare ? parts : { ...parts, validation }, {
      ...pick(flags, 'seed', 'onError'),
      ...(isShare && validation > 0 && { split: { validation } }),
      json,
      signal,
      onEvent: (event) => json && printJson(event),
    }),
  )
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
        json,
      }),
    savingNotice,
  )
  const weights = join(flags.out, bestFile)
  if (json) printJson({ type: 'result', run: flags.out, weights, report: result.report })
  else printResult(flags.out, weights, result)
}

function dataPath(argument: string | undefined, option: string | undefined): string {
  if (argument !== undefined && option !== undefined) {
    throw new GoogLeNetError('ERR_GOOGLENET_OPTION', 'the data is named twice: as the argument and by --data')
  }
  const path = argument ?? option
  if (path !== undefined) return path
  throw new GoogLeNetError(
    'ERR_GOOGLENET_OPTION',
    "missing required argument 'data', which --data may name too",
  )
}

async function startNetwork(flags: TrainFlags, classes: readonly string[]): Promise<GoogLeNet> {
  const { GoogLeNet } = await import('../network.js')
  if (flags.resume) {
    const { lastCheckpoint } = await import('../training/checkpoint.js')
    return GoogLeNet.open(await lastCheckpoint(flags.out), deviceOptions(flags))
  }
  const { seed, from } = flags
  const options = { classes, seed, ...networkOptions(flags), ...deviceOptions(flags) }
  if (!from) return GoogLeNet.create(options)
  const { findModelFile, readModelFile } = await import('../weights/modelFile.js')
  const { optionsOfFile } = await import('../weights/detect.js')
  const file = await readModelFile(await findModelFile(from))
  const net = await GoogLeNet.create({
    ...pick(optionsOfFile(from, file), 'variant', 'reduction4d'),
    ...options,
  })
  try {
    const fresh = await loadForFineTuning(net, from, file)
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
