/** Weights, images and labels that TypeScript and Python (formula.py) compute alike, to the bit. */
import { crc32 } from 'node:zlib'

/** A 32-bit integer hash, "lowbias32" (Wellons, "Prospecting for Hash Functions", 2018). */
function mix(x: number): number {
  let bits = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b)
  return (bits ^ (bits >>> 16)) >>> 0
}

/** A stream of 32-bit random numbers: the number at an index. */
export function bitsOf(name: string): (index: number) => number {
  const key = crc32(name)
  return (index) => mix(mix(index) + key)
}

/** A stream of numbers in [0, 1), in steps of 2^-24. */
export function uniformOf(name: string): (index: number) => number {
  const bits = bitsOf(name)
  return (index) => (bits(index) >>> 8) * 2 ** -24
}

export const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

/** A parameter by its name in the state dict: He's scale for weights, plausible BatchNorm values. */
export function parameter(name: string, shape: readonly number[]): Float32Array {
  const u = uniformOf(name)
  const values = new Float32Array(count(shape))
  const bound = Math.sqrt(6 / (values.length / shape[0]!))
  let value: (u: number) => number
  if (shape.length > 1) value = (u) => (2 * u - 1) * bound
  else if (name.endsWith('running_var')) value = (u) => 0.5 + u
  else if (name.endsWith('weight')) value = (u) => 0.8 + 0.4 * u
  else value = (u) => 0.2 * (2 * u - 1)
  for (let i = 0; i < values.length; i++) values[i] = value(u(i))
  return values
}

/** NCHW noise at two scales, blocks of 8 pixels and single ones, so that images differ in more than detail. */
export function images(name: string, shape: readonly [number, number, number, number]): Float32Array {
  const [, , h, w] = shape
  const [rows, columns] = [Math.ceil(h / 8), Math.ceil(w / 8)]
  const [blocks, pixels] = [uniformOf(`${name}/blocks`), uniformOf(`${name}/pixels`)]
  const values = new Float32Array(count(shape))
  for (let i = 0; i < values.length; i++) {
    const [plane, y, x] = [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w]
    const block = blocks((plane * rows + (y >> 3)) * columns + (x >> 3))
    values[i] = 1.5 * (2 * block - 1) + 0.5 * (2 * pixels(i) - 1)
  }
  return values
}

export function labels(name: string, length: number, classes: number): Int32Array {
  const bits = bitsOf(`${name}/labels`)
  return Int32Array.from({ length }, (_, i) => bits(i) % classes)
}

const SKETCH = 16

/**
 * Inner products with 16 random vectors of signs: E[(r . x)^2] = |x|^2, so that the sketch of a difference
 * estimates its norm over every element (Johnson, Lindenstrauss; Achlioptas 2003).
 */
export function sketch(name: string, values: Float32Array): Float64Array {
  const bits = bitsOf(`${name}/sketch`)
  const sums = new Float64Array(SKETCH)
  for (let i = 0; i < values.length; i++) {
    const random = bits(i)
    const value = values[i]!
    for (let k = 0; k < SKETCH; k++) sums[k]! += (random >>> k) & 1 ? -value : value
  }
  return sums
}
