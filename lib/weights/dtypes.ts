/** Element types of a file that can be read, and their bytes. */
export const dtypeBytes = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8 } as const

export type Dtype = keyof typeof dtypeBytes

export function isDtype(value: unknown): value is Dtype {
  return typeof value === 'string' && Object.hasOwn(dtypeBytes, value)
}

/** Little-endian elements as Float32 (F64 is rounded, the others are exact), or as 64-bit integers. */
export function toTensorData(
  dtype: Dtype,
  { buffer }: Uint8Array<ArrayBuffer>,
): Float32Array | BigInt64Array {
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer)
    case 'F64':
      return Float32Array.from(new Float64Array(buffer))
    case 'F16':
      return Float32Array.from(new Uint16Array(buffer), halfToNumber)
    case 'BF16':
      return bfloatsToFloats(new Uint16Array(buffer))
    case 'I64':
      return new BigInt64Array(buffer)
  }
}

/** A bfloat16 is the upper half of a float. */
function bfloatsToFloats(halves: Uint16Array): Float32Array {
  const bits = Uint32Array.from(halves, (half) => half << 16)
  return new Float32Array(bits.buffer)
}

/** IEEE 754 binary16: 1 sign bit, 5 of exponent (bias 15), 10 of fraction. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
