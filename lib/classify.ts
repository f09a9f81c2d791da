import { shown } from './checks.js'
import type { Crops } from './data/augment.js'
import type { DecodeOptions } from './data/loader.js'
import type { SampleSource } from './data/source.js'
import { GoogLeNetError } from './errors.js'
import type { Tensor } from './tensors.js'

/** A picture to classify: the path of a JPEG or PNG file, or its content. */
export type PictureInput = string | Uint8Array

export interface ClassifyOptions extends DecodeOptions {
  /** How many classes to name for each picture; 5 by default. */
  top?: number
  /** Length of the shorter side before the centre is cropped; imageSize x 256 / 224 by default. */
  resize?: number
  /** Images that each picture is judged by, their answers averaged; 1, its centre, by default. */
  crops?: Crops
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

/** Pictures without labels as a source of samples. */
export function pictureSource(inputs: readonly PictureInput[], classes: readonly string[]): SampleSource {
  const nameOf = (input: PictureInput, index: number) =>
    typeof input === 'string' ? `the picture ${input}` : `the picture at ${index} (${shown(input)})`
  return {
    classes,
    length: inputs.length,
    sample(index) {
      const source = inputs[index]!
      return { source, label: 0, name: nameOf(source, index) }
    },
  }
}

/** The `top` most probable classes of each row of logits, most probable first. */
export function mostProbable(
  { data, shape }: Tensor,
  labels: readonly string[],
  top: number,
): Prediction[][] {
  const [rows = 0, classes = 0] = shape
  return Array.from({ length: rows }, (_, row) => {
    const probabilities = softmax(data.subarray(row * classes, (row + 1) * classes))
    return [...probabilities.keys()]
      .sort((a, b) => probabilities[b]! - probabilities[a]!)
      .slice(0, top)
      .map((index) => ({ label: labels[index]!, index, probability: probabilities[index]! }))
  })
}

/** In float64; the largest logit is taken away first, so that nothing overflows. */
export function softmax(logits: Float32Array): Float64Array {
  const largest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const powers = Float64Array.from(logits, (logit) => Math.exp(logit - largest))
  const sum = powers.reduce((a, b) => a + b, 0)
  return powers.map((power) => power / sum)
}
