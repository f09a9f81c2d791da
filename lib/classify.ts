import type { DecodedBatch, Picture } from '../binding.js'
import { checkNumber, shown } from './checks.js'
import { asGoogLeNetError, GoogLeNetError } from './errors.js'

/** A picture to classify: the path of a JPEG or PNG file, or its content. */
export type PictureInput = string | Uint8Array

export interface ClassifyOptions {
  /** How many classes to name for each picture; 5 by default. */
  top?: number
  /** Length of the shorter side before the centre is cropped; imageSize x 256 / 224 by default. */
  resize?: number
  /** Which copy of the trained values answers; `weights` by default. */
  weights?: 'weights' | 'average'
  signal?: AbortSignal
}

export interface Prediction {
  label: string
  /** Of the class. */
  index: number
  /** 0 to 1, over all classes. */
  probability: number
}

const batchSize = 32

/** @throws ERR_GOOGLENET_DTYPE naming the first that is neither a path nor bytes. */
export function checkPictures(inputs: readonly PictureInput[]): void {
  const good = (input: unknown) => typeof input === 'string' || input instanceof Uint8Array
  const wrong = Array.isArray(inputs) ? inputs.findIndex((input) => !good(input)) : -1
  if (Array.isArray(inputs) && wrong < 0) return
  const found = wrong < 0 ? shown(inputs) : `${shown(inputs[wrong])} at ${wrong}`
  throw new GoogLeNetError(
    'ERR_GOOGLENET_DTYPE',
    `a picture is a path or the bytes of a file, found ${found}`,
  )
}

/** @throws ERR_GOOGLENET_OPTION. */
export function checkClassifyOptions(
  options: ClassifyOptions,
  imageSize: number,
): { top: number; resize: number } {
  const { top = 5, resize = Math.round((imageSize * 256) / 224) } = options
  return {
    top: checkNumber('top', top, { min: 1, whole: true }),
    resize: checkNumber('resize', resize, { min: imageSize, max: 32768, whole: true }),
  }
}

/**
 * Classifies pictures batch by batch. `forward` takes their pixels and gives their logits, [n, classes].
 *
 * @throws ERR_GOOGLENET_PICTURE naming the first picture that cannot be read.
 */
export async function classifyPictures(
  inputs: readonly PictureInput[],
  labels: readonly string[],
  top: number,
  by: {
    decode(pictures: Picture[]): Promise<DecodedBatch>
    forward(pixels: Uint8Array, count: number): Promise<Float32Array>
  },
): Promise<Prediction[][]> {
  const predictions: Prediction[][] = []
  for (let first = 0; first < inputs.length; first += batchSize) {
    const batch = inputs.slice(first, first + batchSize)
    const pictures = batch.map((source, i) => ({ source, index: first + i }))
    const { data, failures } = await by.decode(pictures).catch((error) => {
      throw asGoogLeNetError(error, 'ERR_GOOGLENET_NATIVE', 'classify')
    })
    const [failure] = failures
    if (failure !== undefined) {
      throw new GoogLeNetError(
        'ERR_GOOGLENET_PICTURE',
        `${nameOf(batch[failure.position], first + failure.position)} cannot be read: ${failure.reason}`,
      )
    }
    const logits = await by.forward(data, batch.length)
    for (let i = 0; i < batch.length; i++) {
      predictions.push(mostProbable(logits.subarray(i * labels.length, (i + 1) * labels.length), labels, top))
    }
  }
  return predictions
}

function nameOf(input: PictureInput | undefined, position: number): string {
  return typeof input === 'string' ? `the picture ${input}` : `the picture at ${position} (${shown(input)})`
}

/** The `top` most probable classes, most probable first. */
export function mostProbable(logits: Float32Array, labels: readonly string[], top: number): Prediction[] {
  const probabilities = softmax(logits)
  return [...probabilities.keys()]
    .sort((a, b) => probabilities[b]! - probabilities[a]!)
    .slice(0, top)
    .map((index) => ({ label: labels[index]!, index, probability: probabilities[index]! }))
}

/** In float64; the largest logit is taken away first, so that nothing overflows. */
export function softmax(logits: Float32Array): Float64Array {
  const largest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const powers = Float64Array.from(logits, (logit) => Math.exp(logit - largest))
  const sum = powers.reduce((a, b) => a + b, 0)
  return powers.map((power) => power / sum)
}
