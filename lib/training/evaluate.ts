import type { Loader } from '../../binding.js'
import { checkChoice, checkNumber } from '../checks.js'
import { type Crops, checkCrops } from '../data/augment.js'
import { type Batch, batches } from '../data/batches.js'
import { checkPictureChannels, type DecodeOptions, openLoader } from '../data/loader.js'
import type { SampleSource } from '../data/source.js'
import { checkNetworks, judge, type Networks } from '../ensemble.js'
import { GoogLeNetError } from '../errors.js'
import type { WeightsChoice } from '../network.js'
import { stepsAtOnce } from '../options.js'
import type { Tensor } from '../tensors.js'
import { checkClasses, loaderThreads } from './setup.js'
import { Tally } from './tally.js'

/** One wrong answer, for the report: the most confident ones are kept. */
export interface Mistake {
  name: string
  index: number
  label: number
  predicted: number
  /** Of the predicted class. */
  probability: number
}

export interface EvaluationReport {
  classes: readonly string[]
  samples: number
  /** Mean cross-entropy of the main head, with `crops` or several networks that of the averaged probabilities. */
  loss: number
  /** Shares in 0..1. */
  top1: number
  top5: number
  perClass: { label: string; samples: number; correct: number; top1: number }[]
  /** `confusion[label][predicted]`, counts. */
  confusion: number[][]
  /** The most confident mistakes, worst first. */
  mistakes: Mistake[]
  skipped: { name: string; reason: string }[]
  /** Pictures that the GPU of `decoder` decoded; absent when there are none. */
  onGpu?: number
  seconds: number
  imagesPerSecond: number
}

export interface EvaluateOptions extends DecodeOptions {
  /** Images at once; 32 by default. */
  batchSize?: number
  /** Which copy of the trained values is judged; `weights` by default. */
  weights?: WeightsChoice
  /** Length of the shorter side before the centre is cropped; imageSize x 256 / 224 by default. */
  resize?: number
  /** Images that each picture is judged by, their answers averaged; 1, its centre, by default. */
  crops?: Crops
  /** `skip`, the default, leaves out a picture that cannot be read and names it in the report. */
  onError?: 'skip' | 'throw'
  /** Threads that decode; 0, the default, are as many as suit the network's device. */
  loaderThreads?: number
  /** Called after each batch with the pictures done, the unreadable ones included, and with all there are. */
  onProgress?: (done: number, samples: number) => void
  signal?: AbortSignal
}

/**
 * How well a network, or several whose answers are averaged, does on pictures whose classes are known: each is
 * resized, cropped in its centre (or in 10 or 144 places) and classified.
 *
 * @throws ERR_GOOGLENET_DATA when there is nothing to judge or the classes are not the network's,
 * ERR_GOOGLENET_PICTURE (`onError: 'throw'`), ERR_GOOGLENET_OPTION (also for networks whose classes or images differ),
 * ERR_GOOGLENET_ABORTED.
 */
export async function evaluate(
  networks: Networks,
  source: SampleSource,
  options: EvaluateOptions = {},
): Promise<EvaluationReport> {
  const { onProgress } = options
  const [{ options: of }] = checkNetworks(networks)
  const threads = loaderThreads(options.loaderThreads, of.device)
  const loader = openLoader(checkPictureChannels(of.channels), threads, options)
  try {
    const evaluation = evaluateInParts(networks, source, loader, options)
    for (;;) {
      const part = await evaluation.next()
      if (part.done) return part.value
      onProgress?.(part.value, source.length)
    }
  } finally {
    loader.dispose()
  }
}

/** A batch that is judged; none of its pictures could be read where there are no logits. */
interface Judging {
  batch: Batch
  logits?: Promise<Tensor>
}

/**
 * As `evaluate`; after each batch it yields the pictures done so far. The next batches are decoded while one is judged,
 * and on a GPU several are under way at once.
 */
export async function* evaluateInParts(
  networks: Networks,
  source: SampleSource,
  loader: Pick<Loader, 'decode'>,
  options: Omit<EvaluateOptions, 'onProgress' | 'loaderThreads'>,
): AsyncGenerator<number, EvaluationReport, undefined> {
  const { batchSize = 32, weights = 'weights', resize, onError, signal } = options
  checkChoice('weights', weights, ['weights', 'average'])
  checkNumber('batchSize', batchSize, { min: 1, max: 65535, whole: true })
  const crops = checkCrops(options.crops ?? 1)
  const nets = checkNetworks(networks)
  const [net] = nets
  checkClasses(net, source.classes)
  if (source.length === 0) {
    throw new GoogLeNetError('ERR_GOOGLENET_DATA', 'there are no pictures to evaluate the network on')
  }
  const { classes, imageSize } = net.options
  const channels = checkPictureChannels(net.options.channels)
  const began = performance.now()
  const tally = new Tally(classes)
  const skipped: EvaluationReport['skipped'] = []
  let onGpu = 0
  const stream = batches(source, {
    batchSize: Math.ceil(batchSize / crops),
    imageSize,
    channels,
    crops,
    loader,
    ...(resize !== undefined && { resize }),
    ...(onError && { onError }),
    ...(signal && { signal }),
  })
  const begin = (batch: Batch): Judging => {
    if (batch.labels.length === 0) return { batch }
    const logits = judge(nets, batch.images, { crops, batchSize, weights })
    logits.catch(() => {}) // nobody asks when the evaluation has ended before
    return { batch, logits }
  }
  const finish = async ({ batch, logits }: Judging): Promise<number> => {
    skipped.push(...batch.skipped)
    onGpu += batch.onGpu
    const { data } = (await logits) ?? { data: new Float32Array(0) }
    for (const [i, label] of batch.labels.entries()) {
      const index = batch.indices[i]!
      const { name } = source.sample(index)
      tally.add(data.subarray(i * classes, (i + 1) * classes), { label, index, name })
    }
    return batch.position
  }
  const atOnce = stepsAtOnce(net.options.device)
  const underWay: Judging[] = []
  for await (const batch of stream) {
    underWay.push(begin(batch))
    while (underWay.length >= atOnce) yield await finish(underWay.shift()!)
  }
  for (const judging of underWay) yield await finish(judging)
  const report = summarize(source.classes, tally, skipped, (performance.now() - began) / 1000)
  return onGpu > 0 ? { ...report, onGpu } : report
}

function summarize(
  classes: readonly string[],
  { samples, loss, top1, top5, confusion, mistakes }: Tally,
  skipped: EvaluationReport['skipped'],
  seconds: number,
): EvaluationReport {
  return {
    classes,
    samples,
    loss: loss / samples,
    top1: top1 / samples,
    top5: top5 / samples,
    perClass: classes.map((label, i) => {
      const row = confusion[i]!
      const total = row.reduce((sum, count) => sum + count, 0)
      const correct = row[i]!
      return { label, samples: total, correct, top1: total > 0 ? correct / total : 0 }
    }),
    confusion,
    mistakes,
    skipped,
    seconds,
    imagesPerSecond: samples / seconds,
  }
}
