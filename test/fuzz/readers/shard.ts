import { isDeepStrictEqual } from 'node:util'
import { memoryBytes } from '../../../lib/data/byteSource.js'
import { decodeSampleIndex, encodeSampleIndex, sampleOf } from '../../../lib/data/sampleIndex.js'
import { labelSamples } from '../../../lib/data/shards/classes.js'
import { indexShard } from '../../../lib/data/shards/tarIndex.js'
import { archive } from '../../data/tarArchive.js'
import { check, parted, readOrRefused, summed, withChoice } from './checks.js'

/** Any bytes as a WebDataset shard. */
export async function fuzz(input: Buffer): Promise<boolean> {
  const { bytes, choice } = parted(input)
  const file = choice & 1 ? summed(bytes) : bytes
  const source = { ...memoryBytes(file), where: 'fuzzed.tar', mtimeMs: 1 }
  const index = await readOrRefused(() => indexShard(source))
  if (index === undefined) return false
  for (const i of index.blocks.keys()) {
    const { offset, length } = sampleOf(index, i)
    check(offset + length <= file.length, 'samples lie within the shard')
  }
  check(
    isDeepStrictEqual(decodeSampleIndex(new Uint8Array(encodeSampleIndex(index))), index),
    'an index comes back as it was',
  )
  const labelled = await readOrRefused(() => labelSamples([{ path: 'fuzzed.tar', index }], {}))
  for (const label of labelled?.labels[0] ?? []) {
    check(typeof labelled?.classes[label] === 'string', 'each sample has a class')
  }
  return labelled !== undefined
}

export function seeds(): Buffer[] {
  const files = [
    archive({ name: 'a.jpg', content: 'a' }, { name: 'a.cls', content: '1\n' }),
    archive(
      { name: 'a.json', content: '{"label": 3, "cls": "cat", "class": 1e3}' },
      { name: 'x/b.cls', content: 'dog' },
      { name: 'x/b.PNG', content: 'b' },
      { name: 'a.jpeg', content: 'a' },
      { name: 'cat/c.seg.jpg', content: 'c' },
    ),
  ]
  const [, second] = files
  files.push(second!.subarray(0, -3072))
  return files.flatMap((file) => [withChoice(file, 0), withChoice(file, 1)])
}
