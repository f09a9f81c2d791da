import { bitsOf } from '../parity/formula.js'

export type Rounding = (value: number) => number

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** A bf16 is the upper half of a float32: adds to the lower half before it is cut off. */
function cut(value: number, add: (upper: number) => number): number {
  float[0] = value
  bits[0] = (bits[0]! + add(bits[0]! >>> 16)) & 0xffff0000
  return float[0]!
}

/** To the nearest bf16, ties to even. */
export function toBf16(value: number): number {
  return cut(value, (upper) => 0x7fff + (upper & 1))
}

/** Up or down to a bf16, at random: one of the ways that a computation in bf16 may go. */
export function toEitherBf16(name: string): Rounding {
  const random = bitsOf(name)
  let index = 0
  return (value) => cut(value, () => random(index++) & 0xffff)
}
