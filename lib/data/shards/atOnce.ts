/** What `work` makes of each item, in their order, `most` of them under way at once. The first failure ends it. */
export async function mapAtOnce<T, R>(
  items: readonly T[],
  most: number,
  work: (item: T, place: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length)
  let next = 0
  let failed = false
  const worker = async () => {
    while (next < items.length && !failed) {
      const place = next++
      try {
        results[place] = await work(items[place]!, place)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker))
  return results
}
