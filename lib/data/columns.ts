/** Index files keep a data set as columns, typed arrays with a value a sample: how they are read and written. */

/** The last place whose value is `value` or less; values rise, and several may be equal. */
export function lastNotAbove(values: ArrayLike<number>, value: number): number {
  let low = 0
  let high = values.length - 1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (values[middle]! <= value) low = middle
    else high = middle
  }
  return low
}

/** The UTF-8 name at a place of `names`, each of which begins where the one before ends. */
export function nameAt(names: Uint8Array, nameEnds: Uint32Array, place: number): string {
  const begin = place === 0 ? 0 : nameEnds[place - 1]!
  return viewOf(names).toString('utf8', begin, nameEnds[place]!)
}

/** The same memory as bytes. */
export function viewOf(column: NodeJS.TypedArray): Buffer {
  return Buffer.from(column.buffer, column.byteOffset, column.byteLength)
}
