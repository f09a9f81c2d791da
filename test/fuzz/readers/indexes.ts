import { Faults } from '../../../lib/data/faults.js'
import {
  cutIndex,
  decodeSampleIndex,
  encodeSampleIndex,
  SampleIndexBuilder,
  sampleOf,
} from '../../../lib/data/sampleIndex.js'
import { check, parted, readOrRefused, sealed, withChoice } from './checks.js'

/** Any bytes as the index of an archive or of a shard. */
export async function fuzz(input: Buffer): Promise<boolean> {
  const { bytes, choice } = parted(input)
  const file = new Uint8Array(choice & 1 ? sealed(bytes) : bytes)
  const index = await readOrRefused(() => decodeSampleIndex(file))
  if (index === undefined) return false
  for (const i of index.blocks.keys()) {
    const { offset, length } = sampleOf(index, i)
    check(offset + length <= index.bytes, 'samples lie within the tar')
    check(typeof index.classes[index.labels[i]!] === 'string', 'each sample has a class')
  }
  check(cutIndex(index, 512 * choice).blocks.length <= index.blocks.length, 'what is cut off is less')
  return true
}

export function seeds(): Buffer[] {
  const builder = new SampleIndexBuilder()
  builder.add({ offset: 512, length: 100, className: 'cat', name: 'one' })
  builder.add({ offset: 2048, length: 900, className: 'dog', name: 'two' })
  const file = encodeSampleIndex(
    builder.finish(10_240, 5, new Faults([{ name: 'x', reason: 'is a link' }], 2)),
  )
  return [withChoice(file, 0), withChoice(file, 1), withChoice(file, 5)]
}
