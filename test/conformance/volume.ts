/** A tensor of the reference: N, C, H, W in float64. */
export interface Volume {
  readonly shape: readonly [number, number, number, number]
  readonly data: Float64Array
}

export function zeros(shape: Volume['shape']): Volume {
  const [n, c, h, w] = shape
  return { shape, data: new Float64Array(n * c * h * w) }
}

export function zerosLike(values: ArrayLike<number>): Float64Array {
  return new Float64Array(values.length)
}

/** Where an element lies in `data`. */
export function at(shape: Volume['shape'], n: number, c: number, y: number, x: number): number {
  return ((n * shape[1] + c) * shape[2] + y) * shape[3] + x
}

/** Calls `visit` for every n, c, y, x. */
export function eachElement(
  shape: Volume['shape'],
  visit: (n: number, c: number, y: number, x: number, index: number) => void,
): void {
  const [batch, channels, height, width] = shape
  let index = 0
  for (let n = 0; n < batch; n++)
    for (let c = 0; c < channels; c++)
      for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) visit(n, c, y, x, index++)
}

/** Adds `values` into `sum`, element by element. */
export function accumulate(sum: Float64Array, values: ArrayLike<number>): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!
}
