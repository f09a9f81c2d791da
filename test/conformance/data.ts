/** What a case runs on: weights, images and labels, drawn from its name. */
import type { BatchData, NamedTensor } from '../../binding.js'
import { trace } from '../../lib/models/shapes.js'
import { count, labels } from '../parity/formula.js'
import type { Case } from './cases.js'
import { Draw } from './draw.js'
import { runReference } from './reference.js'
import { at, eachElement, type Volume, zeros } from './volume.js'

export interface CaseData {
  tensors: NamedTensor[]
  /** As the network takes them; the reference's are float32, normalised. */
  batch: BatchData
  images: Volume
  labels: Int32Array
}

/** Below this, fp32's rounding could decide a ReLU or a max pool. */
const CLEAR = 2e-6

/** Data on which no ReLU and no max pool decides by less than fp32's rounding. */
export function drawData(test: Case): CaseData {
  for (let attempt = 0; attempt < 50; attempt++) {
    const data = drawOnce(test, `${test.name} data ${attempt}`)
    const result = runReference(test.definition, toValues(data.tensors), data.images, { training: true })
    if (result.margin > CLEAR) return data
  }
  throw new Error(`${test.name}: a ReLU or a max pool sits on its kink whatever is drawn`)
}

export function toValues(tensors: readonly NamedTensor[]): Map<string, Float64Array> {
  return new Map(tensors.map(({ name, data }) => [name, Float64Array.from(data)]))
}

function drawOnce(test: Case, name: string): CaseData {
  const draw = new Draw(name)
  const { channels, height, width } = test.definition.input
  const shape = [test.batch, channels, height, width] as const
  const pixels =
    test.images === 'uint8'
      ? Uint8Array.from({ length: count(shape) }, () => draw.whole(0, 255))
      : coarsened(test, draw.reals(count(shape), -2, 2))
  return {
    tensors: trace(test.definition).flatMap(({ parameters }) =>
      parameters.map((parameter) => ({
        name: parameter.name,
        shape: [...parameter.shape],
        data: drawParameter(draw, test, parameter),
      })),
    ),
    batch: { data: test.layout === 'nhwc' ? toNhwc(pixels, shape) : pixels, shape, layout: test.layout },
    images: normalised(test, pixels, shape),
    labels: labels(name, test.batch, trace(test.definition).at(-1)!.output.channels),
  }
}

function drawParameter(
  draw: Draw,
  test: Case,
  { name, shape }: { name: string; shape: readonly number[] },
): Float32Array {
  const length = count(shape)
  const bound = Math.sqrt((3 * shape[0]!) / length)
  if (shape.length === 4) return coarsened(test, draw.reals(length, -bound, bound))
  if (shape.length === 2) return draw.reals(length, -bound, bound)
  if (name.endsWith('running_var') || name.endsWith('weight')) return draw.reals(length, 0.5, 1.5)
  return draw.reals(length, -0.5, 0.5)
}

function coarsened(test: Case, values: Float32Array): Float32Array {
  return test.coarse ? values.map((value) => Math.round(2 * value) / 2 + 0) : values
}

function toNhwc<T extends Float32Array | Uint8Array>(nchw: T, shape: Volume['shape']): T {
  const nhwc = nchw.slice() as T
  const [, channels, height, width] = shape
  eachElement(shape, (n, c, y, x, i) => {
    nhwc[((n * height + y) * width + x) * channels + c] = nchw[i]!
  })
  return nhwc
}

function normalised(test: Case, pixels: Float32Array | Uint8Array, shape: Volume['shape']): Volume {
  const { mean, std, bgr } = test.definition.input
  const images = zeros(shape)
  eachElement(shape, (n, c, y, x) => {
    const i = at(shape, n, c, y, x)
    const from = bgr ? at(shape, n, shape[1] - 1 - c, y, x) : i
    images.data[i] = test.images === 'uint8' ? (pixels[from]! / 255 - mean[c]!) / std[c]! : pixels[i]!
  })
  return images
}
