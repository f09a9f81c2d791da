import type { Command } from 'commander'
import type { Precision } from '../../binding.js'
import { checkChoice } from '../checks.js'
import { GoogLeNetError } from '../errors.js'
import { type Variant, variantNames } from '../models/variants.js'
import type { GoogLeNet } from '../network.js'
import { stepsAtOnce } from '../options.js'
import { checkNotAborted } from '../queue.js'
import { rate } from '../report/format.js'
import { table } from '../table.js'
import { number, numbers, variantHelp, whole } from './arguments.js'
import { openProgress } from './display.js'
import { interruptible } from './interrupt.js'
import { print, printJson } from './output.js'
import { type PeakFlags, type Profiled, printProfile, profileNetwork } from './profile.js'

interface Flags extends PeakFlags {
  batchSize: number[]
  precision?: string
  variant?: Variant
  imageSize: number
  seconds: number
  device: 'auto'
  threads: number
  mode?: Work
  profile?: boolean
  layers?: boolean
  json?: boolean
}

type Work = Profiled['work']

interface Measurement {
  work: Work
  precision: Precision
  batchSize: number
  imagesPerSecond: number
}

export function addBench(program: Command): void {
  program
    .command('bench')
    .description('Measures how many images a second this machine classifies and trains on.')
    .option(
      '--batch-size <list>',
      'images in a batch',
      numbers('--batch-size', { min: 1, whole: true }),
      [1, 32],
    )
    .option('--precision <list>', 'fp32, bf16, fp16; those that the machine has when left out')
    .option('--variant <name>', variantHelp)
    .option('--image-size <pixels>', 'height and width of the images', whole('--image-size', 64), 224)
    .option('--seconds <s>', 'for each measurement, at least', number('--seconds', { min: 0 }), 3)
    .option('--device <name>', 'auto, cpu, cuda or cuda:<number>', 'auto')
    .option('--threads <n>', 'threads of the CPU; 0 is every core', whole('--threads', 0), 0)
    .option('--mode <which>', 'inference or training; both when left out')
    .option('--profile', 'how long each kind of step takes, beside what arithmetic and memory allow')
    .option('--layers', 'with --profile: every step by itself, too')
    .option(
      '--peak-tflops <n>',
      'with --profile: what the device reaches in the precision, in TFLOP/s; measured on a CPU, known of some cards',
      number('--peak-tflops', { min: 0.001 }),
    )
    .option(
      '--bandwidth <n>',
      'with --profile: the same of its memory, in TB/s',
      number('--bandwidth', { min: 0.001 }),
    )
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  googlenet bench
  googlenet bench --batch-size 8,64 --precision bf16 --image-size 128
  googlenet bench --profile --layers --mode training --batch-size 32 --precision fp32

On a GPU several batches are under way at once, as in training; of one image each is waited for.`,
    )
    .action(bench)
}

async function bench(flags: Flags): Promise<void> {
  const ofProfile = flags.layers || flags.peakTflops !== undefined || flags.bandwidth !== undefined
  if (ofProfile && !flags.profile) {
    const message = '--layers, --peak-tflops and --bandwidth belong to --profile; add it or leave them out'
    throw new GoogLeNetError('ERR_GOOGLENET_OPTION', message)
  }
  const { GoogLeNet } = await import('../network.js')
  const { imageSize, device, threads } = flags
  const variant = checkChoice('--variant', flags.variant ?? 'seed', variantNames)
  const measured: Measurement[] = []
  const profiles: Profiled[] = []
  const works = flags.mode
    ? [checkChoice<Work>('--mode', flags.mode, ['inference', 'training'])]
    : (['inference', 'training'] as const)
  const asked = flags.precision
    ?.split(',')
    .map((name) => checkChoice<Precision>('--precision', name, ['fp32', 'bf16', 'fp16']))
  const precisions: Precision[] = asked ?? ['fp32', 'bf16', 'fp16']
  const progress = openProgress(flags.json)
  await interruptible(async (signal) => {
    for (const [done, precision] of precisions.entries()) {
      try {
        using net = await GoogLeNet.create({ imageSize, precision, device, threads, variant })
        for (const work of works) {
          for (const batchSize of flags.batchSize) {
            progress.update(`${work}, ${precision}, batch ${batchSize}`, done, precisions.length, '')
            if (flags.profile) {
              checkNotAborted(signal)
              profiles.push(await profileNetwork(net, work, batchSize, flags))
              continue
            }
            const step = work === 'inference' ? inferenceStep(net, batchSize) : trainingStep(net, batchSize)
            // At batch 1 what counts is how long an answer takes.
            const atOnce = batchSize === 1 ? 1 : stepsAtOnce(net.options.device)
            const imagesPerSecond = batchSize * (await stepsPerSecond(step, atOnce, flags.seconds, signal))
            measured.push({ work, precision, batchSize, imagesPerSecond })
          }
        }
      } catch (error) {
        const absent = error instanceof GoogLeNetError && error.code === 'ERR_GOOGLENET_PRECISION'
        if (asked || !absent) throw error
      }
    }
  }).finally(() => progress.clear())
  if (flags.json) return printJson({ variant, imageSize, ...(flags.profile ? { profiles } : { measured }) })
  const rows = measured.map((one) => [
    one.work,
    one.precision,
    String(one.batchSize),
    rate(one.imagesPerSecond),
  ])
  print(`GoogLeNet, variant ${variant}, images of ${imageSize} x ${imageSize}, 1000 classes\n`)
  if (flags.profile) {
    for (const profiled of profiles) printProfile(profiled, flags.layers ?? false)
    return
  }
  print(table(['work', 'precision', 'batch', 'speed'], rows, 2))
}

function inferenceStep(net: GoogLeNet, batchSize: number): () => Promise<unknown> {
  const images = noise(net, batchSize)
  return () => net.forward(images, { heads: 'main' })
}

function trainingStep(net: GoogLeNet, batchSize: number): () => Promise<unknown> {
  const images = noise(net, batchSize)
  const labels = Int32Array.from({ length: batchSize }, (_, index) => index % net.options.classes)
  return () => net.trainStep(images, labels, { learningRate: 0.01, momentum: 0.9 })
}

/** Pixels without a pattern: dense arithmetic takes as long for them as for photographs. */
function noise(net: GoogLeNet, batchSize: number) {
  const { channels, imageSize } = net.options
  const data = new Uint8Array(batchSize * channels * imageSize ** 2)
  for (let i = 0; i < data.length; i++) data[i] = Math.imul(i + 1, 2654435761) >>> 24
  return { data, shape: [batchSize, channels, imageSize, imageSize], layout: 'nhwc' } as const
}

/** With `atOnce` of them under way. The first call compiles the plan and is not timed. */
export async function stepsPerSecond(
  step: () => Promise<unknown>,
  atOnce: number,
  seconds: number,
  signal: AbortSignal,
): Promise<number> {
  await step()
  const underWay: Promise<unknown>[] = []
  const begin = () => {
    const begun = step()
    begun.catch(() => {}) // nobody asks when an earlier one has failed
    underWay.push(begun)
  }
  const start = performance.now()
  for (let i = 1; i < atOnce; i++) begin()
  for (let steps = 1; ; steps++) {
    checkNotAborted(signal)
    begin()
    await underWay.shift()
    const passed = (performance.now() - start) / 1000
    if (passed < seconds) continue
    await Promise.all(underWay)
    return (steps + underWay.length) / ((performance.now() - start) / 1000)
  }
}
