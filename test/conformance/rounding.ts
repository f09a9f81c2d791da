import { bitsOf } from '../parity/formula.js'

export type Rounding = (value: number) => number

/** Bits of a float32's fraction that the type lacks. The range stays that of float32: loss scaling keeps fp16 in it. */
const lacking = { bf16: 16, fp16: 13 } as const
type Type = keyof typeof lacking

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** Adds to the bits that the type lacks before they are cut off; `kept` are those it has. */
function cut(value: number, type: Type, add: (kept: number, lost: number) => number): number {
  const lost = 2 ** lacking[type] - 1
  float[0] = value
  bits[0] = (bits[0]! + add(bits[0]! >>> lacking[type], lost)) & ~lost
  return float[0]!
}

/** To the nearest value of the type, ties to even. */
export function toNearest(type: Type): Rounding {
  return (value) => cut(value, type, (kept, lost) => (lost >>> 1) + (kept & 1))
}

/** Up or down to a value of the type, at random: one of the ways that a computation in it may go. */
export function toEither(type: Type, name: string): Rounding {
  const random = bitsOf(name)
  let index = 0
  return (value) => cut(value, type, (_, lost) => random(index++) & lost)
}
