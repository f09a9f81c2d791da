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

/** Calls `visit` with 32 signs, one a bit, for each element, then again for the next 32 directions. */
function eachSigns(
  name: string,
  count: number,
  directions: number,
  visit: (index: number, bits: number, first: number) => void,
): void {
  for (let first = 0; first < directions; first += 32) {
    const bits = bitsOf(`${name} ${first / 32}`)
    for (let i = 0; i < count; i++) visit(i, bits(i), first)
  }
}

export const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

/**
 * A parameter by its name in the state dict. Biases and beta lie around 1, so that fewer ReLUs stand near their kink;
 * linear weights are small, so that the softmax does not saturate.
 */
export function parameter(name: string, shape: readonly number[]): Float32Array {
  const u = uniformOf(name)
  const values = new Float32Array(count(shape))
  const bound = Math.sqrt((shape.length === 4 ? 3 : 0.3) / (values.length / shape[0]!))
  let value: (u: number) => number
  if (shape.length > 1) value = (u) => (2 * u - 1) * bound
  else if (name.endsWith('running_var')) value = (u) => 0.5 + u
  else if (name.endsWith('running_mean')) value = (u) => 0.2 * (2 * u - 1)
  else if (name.endsWith('weight')) value = (u) => 0.8 + 0.4 * u
  else value = (u) => 0.5 + u
  for (let i = 0; i < values.length; i++) values[i] = value(u(i))
  return values
}

/** NCHW noise at two scales, blocks of 8 pixels and single ones, and a little of each of some directions. */
export function images(
  name: string,
  shape: readonly [number, number, number, number],
  tweak: readonly number[] = [],
): Float32Array {
  const [, , h, w] = shape
  const [rows, columns] = [Math.ceil(h / 8), Math.ceil(w / 8)]
  const [blocks, pixels] = [uniformOf(`${name}/blocks`), uniformOf(`${name}/pixels`)]
  const values = Float64Array.from({ length: count(shape) }, (_, i) => {
    const [plane, y, x] = [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w]
    const block = blocks((plane * rows + (y >> 3)) * columns + (x >> 3))
    return 1.5 * (2 * block - 1) + 0.5 * (2 * pixels(i) - 1)
  })
  eachSigns(`${name}/tweak`, values.length, tweak.length, (i, bits, first) => {
    let value = values[i]!
    for (let k = 0; k < 32; k++) value += (bits >>> k) & 1 ? -tweak[first + k]! : tweak[first + k]!
    values[i] = value
  })
  return Float32Array.from(values)
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
export function sketch(name: string, values: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(SKETCH)
  eachSigns(`${name}/sketch`, values.length, SKETCH, (i, bits) => {
    const value = values[i]!
    for (let k = 0; k < SKETCH; k++) sums[k]! += (bits >>> k) & 1 ? -value : value
  })
  return sums
}
