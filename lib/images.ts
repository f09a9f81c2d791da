import type { BatchData } from '../binding.js'
import { checkChoice, shown } from './checks.js'
import { GoogLeNetError } from './errors.js'

/** A batch of images; it must not be changed before the call that takes it has settled. */
export interface Images {
  /** `Float32Array`: normalised, as the network takes them. `Uint8Array`: pixels, which the device normalises. */
  data: Float32Array | Uint8Array
  /** N, C, H, W, whatever the layout in memory. */
  shape: readonly number[]
  /** `nchw` by default. */
  layout?: 'nchw' | 'nhwc'
}

const largestBatch = 65535

/**
 * Checks a batch against the network's input.
 *
 * @throws ERR_GOOGLENET_DTYPE, ERR_GOOGLENET_SHAPE, ERR_GOOGLENET_OPTION.
 */
export function checkImages(images: Images, input: { channels: number; imageSize: number }): BatchData {
  if (typeof images !== 'object' || images === null) {
    throw new GoogLeNetError('ERR_GOOGLENET_DTYPE', `images must be { data, shape }, found ${shown(images)}`)
  }
  const { data, shape, layout = 'nchw' } = images
  if (!(data instanceof Float32Array || data instanceof Uint8Array)) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_DTYPE',
      `images must be a Float32Array (normalised) or a Uint8Array (pixels), found ${shown(data)}`,
    )
  }
  const [batch, channels, height, width] = checkShape(shape, input)
  const expected = batch * channels * height * width
  if (data.length !== expected) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_SHAPE',
      `images of shape [${shape.join(', ')}] hold ${expected} values, found ${data.length}`,
    )
  }
  checkChoice('layout', layout, ['nchw', 'nhwc'])
  return { data, shape: [batch, channels, height, width], layout }
}

function checkShape(
  shape: readonly number[],
  { channels, imageSize }: { channels: number; imageSize: number },
): BatchData['shape'] {
  const sides =
    Array.isArray(shape) && shape.length === 4 ? (shape as [number, number, number, number]) : undefined
  const wanted = [channels, imageSize, imageSize]
  const fits = sides !== undefined && wanted.every((side, i) => side === sides[i + 1])
  if (fits && Number.isSafeInteger(sides[0]) && sides[0] >= 1 && sides[0] <= largestBatch) return sides
  throw new GoogLeNetError(
    'ERR_GOOGLENET_SHAPE',
    `images must have shape [n, ${wanted.join(', ')}] with n from 1 to ${largestBatch}, found ${shown(shape)}`,
  )
}

/** @throws ERR_GOOGLENET_DTYPE, ERR_GOOGLENET_SHAPE, ERR_GOOGLENET_LABEL naming the first wrong label. */
export function checkLabels(labels: Int32Array, batch: number, classes: number): void {
  if (!(labels instanceof Int32Array)) {
    throw new GoogLeNetError('ERR_GOOGLENET_DTYPE', `labels must be an Int32Array, found ${shown(labels)}`)
  }
  if (labels.length !== batch) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_SHAPE',
      `there must be one label for each image: found ${labels.length} for ${batch} images`,
    )
  }
  const wrong = labels.findIndex((label) => label < 0 || label >= classes)
  if (wrong < 0) return
  throw new GoogLeNetError(
    'ERR_GOOGLENET_LABEL',
    `labels must be from 0 to ${classes - 1}, found ${labels[wrong]} at ${wrong}`,
  )
}
