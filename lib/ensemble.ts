import type { Loader } from '../binding.js'
import { checkNumber, shown } from './checks.js'
import {
  type ClassifyOptions,
  checkPictures,
  mostProbable,
  type PictureInput,
  type Prediction,
  pictureSource,
  softmax,
} from './classify.js'
import { checkCrops } from './data/augment.js'
import { batches } from './data/batches.js'
import { checkPictureChannels, openLoader } from './data/loader.js'
import { GoogLeNetError } from './errors.js'
import type { Images } from './images.js'
import type { GoogLeNet, WeightsChoice } from './network.js'
import type { Tensor } from './tensors.js'

const imagesAtOnce = 32

/** What answers: a network, or a call of one that goes on. */
type Judge = Pick<GoogLeNet, 'options' | 'forward'>

/** One network, or several whose answers are averaged. */
export type Networks = GoogLeNet | readonly GoogLeNet[]

/**
 * Networks that can answer together.
 *
 * @throws ERR_GOOGLENET_OPTION when there is none, or their classes or images differ.
 */
export function checkNetworks(networks: Networks): readonly [GoogLeNet, ...GoogLeNet[]] {
  const all: readonly GoogLeNet[] = 'options' in networks ? [networks] : networks
  const [first, ...others] = all
  if (first === undefined) {
    throw new GoogLeNetError('ERR_GOOGLENET_OPTION', 'there must be a network; the list is empty')
  }
  const { labels, imageSize, channels } = first.options
  for (const [i, { options }] of others.entries()) {
    const refuse = (what: string, found: unknown, wanted: unknown) =>
      new GoogLeNetError(
        'ERR_GOOGLENET_OPTION',
        `networks that answer together must agree: the ${what} of network ${i + 1} is ${shown(found)}, ` +
          `that of network 0 ${shown(wanted)}`,
      )
    if (options.imageSize !== imageSize) throw refuse('imageSize', options.imageSize, imageSize)
    if (options.channels !== channels) throw refuse('number of channels', options.channels, channels)
    if (options.classes !== labels.length) throw refuse('number of classes', options.classes, labels.length)
    const wrong = labels.findIndex((label, k) => label !== options.labels[k])
    if (wrong >= 0) throw refuse(`class ${wrong}`, options.labels[wrong], labels[wrong])
  }
  return [first, ...others]
}

export interface JudgeOptions {
  /** Images of each picture, one after the other. */
  crops: number
  /** Images at once. */
  batchSize: number
  weights: WeightsChoice
  signal?: AbortSignal
}

/**
 * What networks make of pictures: logits [pictures, classes]. Of several images a picture, or several networks, they
 * are the logarithms of the averaged probabilities.
 */
export async function judge(
  networks: readonly [Judge, ...Judge[]],
  images: Images,
  { crops, batchSize, weights, signal }: JudgeOptions,
): Promise<Tensor> {
  const options = { weights, heads: 'main', ...(signal && { signal }) } as const
  const [count = 0, ...shape] = images.shape
  if (networks.length === 1 && crops === 1) return (await networks[0].forward(images, options)).logits
  const { classes } = networks[0].options
  const size = shape.reduce((product, side) => product * side, 1)
  const sums = new Float64Array((count / crops) * classes)
  for (let first = 0; first < count; first += batchSize) {
    const end = Math.min(first + batchSize, count)
    const data = images.data.subarray(first * size, end * size)
    const part = { ...images, data, shape: [end - first, ...shape] }
    const answers = await Promise.all(networks.map((net) => net.forward(part, options)))
    for (const { logits } of answers) {
      for (let row = 0; row < end - first; row++) {
        const picture = Math.floor((first + row) / crops)
        const probabilities = softmax(logits.data.subarray(row * classes, (row + 1) * classes))
        for (let i = 0; i < classes; i++) sums[picture * classes + i]! += probabilities[i]!
      }
    }
  }
  const answers = crops * networks.length
  // What is too small for a number is not impossible: no logarithm is infinite.
  const data = Float32Array.from(sums, (sum) => Math.log(Math.max(sum / answers, Number.MIN_VALUE)))
  return { shape: [count / crops, classes], data }
}

/**
 * What pictures show, by one network or by the average of several: the most probable classes of each, most probable
 * first.
 *
 * @throws ERR_GOOGLENET_PICTURE naming a picture that cannot be read; ERR_GOOGLENET_OPTION (also for networks whose
 * classes or images differ), ERR_GOOGLENET_ABORTED.
 */
export async function classify(
  networks: Networks,
  pictures: readonly PictureInput[],
  options: ClassifyOptions = {},
): Promise<Prediction[][]> {
  const nets = checkNetworks(networks)
  const { channels, threads } = nets[0].options
  const loader = openLoader(checkPictureChannels(channels), threads, options)
  try {
    return await classifyBy(nets, loader, pictures, options)
  } finally {
    loader.dispose()
  }
}

/** As `classify`, decoded by a loader. */
export async function classifyBy(
  nets: readonly [Judge, ...Judge[]],
  loader: Pick<Loader, 'decode'>,
  pictures: readonly PictureInput[],
  options: ClassifyOptions,
): Promise<Prediction[][]> {
  checkPictures(pictures)
  const { labels, imageSize, channels } = nets[0].options
  const { weights = 'weights', signal, resize } = options
  const top = checkNumber('top', options.top ?? 5, { min: 1, whole: true })
  const crops = checkCrops(options.crops ?? 1)
  const asked = batches(pictureSource(pictures, labels), {
    batchSize: Math.ceil(imagesAtOnce / crops),
    imageSize,
    channels: checkPictureChannels(channels),
    crops,
    onError: 'throw',
    loader,
    ...(resize !== undefined && { resize }),
    ...(signal && { signal }),
  })
  const judging = { crops, batchSize: imagesAtOnce, weights, ...(signal && { signal }) }
  const predictions: Prediction[][] = []
  for await (const { images } of asked) {
    predictions.push(...mostProbable(await judge(nets, images, judging), labels, top))
  }
  return predictions
}
