import type { Images } from '../../lib/images.js'
import { type CreateOptions, GoogLeNet, type StateDict } from '../../lib/index.js'

export const size = 64
export const classes = 4

/** A small network on one thread of the CPU: test files run side by side. */
export function create(options: CreateOptions = {}): Promise<GoogLeNet> {
  return GoogLeNet.create({ classes, imageSize: size, device: 'cpu', threads: 1, ...options })
}

/** Images that differ from each other, normalised, as NCHW: waves of their own length and direction. */
export function waves(count: number, first = 0, channels = 3): Images & { data: Float32Array } {
  const data = new Float32Array(count * channels * size * size)
  let at = 0
  for (let n = first; n < first + count; n++) {
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < size; y++) {
        for (let x = 0; x < size; x++)
          data[at++] = Math.sin((n + 1) * (0.05 * x + 0.03 * c * y) + n * y * 0.02)
      }
    }
  }
  return { data, shape: [count, channels, size, size] }
}

/** The same images with the channels last. */
export function channelsLast({ data, shape }: Images): Images {
  const [count, channels, height, width] = shape as [number, number, number, number]
  const pixels = height * width
  const moved = data.slice()
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < channels; c++) {
      for (let p = 0; p < pixels; p++) {
        moved[(n * pixels + p) * channels + c] = data[(n * channels + c) * pixels + p]!
      }
    }
  }
  return { data: moved, shape, layout: 'nhwc' }
}

export const labels = (count: number) => Int32Array.from({ length: count }, (_, i) => i % classes)

/** ||a - b|| / ||b|| */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0
  let norm = 0
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2
    norm += b[i]! ** 2
  }
  return Math.sqrt(difference / norm)
}

/** The names of the tensors that are not the same to the bit. */
export function differing(a: StateDict, b: StateDict): string[] {
  const names = new Set([...a.keys(), ...b.keys()])
  return [...names].filter((name) => {
    const [x, y] = [a.get(name)?.data, b.get(name)?.data]
    return !(x && y) || Buffer.compare(bytesOf(x), bytesOf(y)) !== 0
  })
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
