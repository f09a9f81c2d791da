import { isDeepStrictEqual } from 'node:util'
import { scanArchive } from '../../../lib/data/archiveScan.js'
import { memoryBytes } from '../../../lib/data/byteSource.js'
import { decodeSampleIndex, encodeSampleIndex, sampleOf } from '../../../lib/data/sampleIndex.js'
import { readTar } from '../../../lib/data/tar.js'
import { archive, pax } from '../../data/tarArchive.js'
import { check, parted, summed, withChoice } from './checks.js'

/** Any bytes as a tar, and as an archive of pictures and of archives. */
export async function fuzz(input: Buffer): Promise<boolean> {
  const { bytes, choice } = parted(input)
  const file = choice & 1 ? summed(bytes) : bytes
  await checkEntries(file)
  return checkIndex(file)
}

async function checkEntries(file: Buffer): Promise<void> {
  const entries = readTar(memoryBytes(file))
  let before = -1
  for (;;) {
    const { value, done } = await entries.next()
    if (done) return check(value.offset < file.length + 512, 'an archive ends where its bytes do')
    check(value.offset > before, 'entries follow each other')
    check(value.length >= 0 && value.missing >= 0, 'no entry is shorter than nothing')
    check(value.offset + value.length <= file.length, 'entries lie within the archive')
    before = value.offset
  }
}

async function checkIndex(file: Buffer): Promise<boolean> {
  const index = await scanArchive(memoryBytes(file), 'fuzzed.tar')
  const { classes, labels, faults } = index
  check(isDeepStrictEqual(classes, [...new Set(classes)].sort()), 'groups are sorted and come once')
  const seen = new Set<string>()
  for (const [i, label] of labels.entries()) {
    const { offset, length, name } = sampleOf(index, i)
    check(offset + length <= file.length, 'pictures lie within the archive')
    const path = `${classes[label]!}/${name}`
    check(!seen.has(path), 'pictures come once')
    check(!path.split('/').includes('..'), 'no name leads out of the archive')
    seen.add(path)
  }
  check(faults.total >= faults.listed.length, 'faults are counted')
  const again = decodeSampleIndex(new Uint8Array(encodeSampleIndex(index)))
  check(isDeepStrictEqual(again, index), 'an index comes back as it was')
  return seen.size > 0
}

export function seeds(): Buffer[] {
  const deep = `${'deep/'.repeat(30)}two.jpg`
  const outer = archive(
    { name: 'a/one.jpg', content: Buffer.alloc(700, 1) },
    { name: '././@LongLink', type: 'L', content: `${deep}\0` },
    { name: deep.slice(0, 100), content: 'two' },
    pax({ path: `x/${deep}`, size: '3' }),
    { name: 'x', content: '333' },
    { name: 'a', type: '5' },
  )
  const binary = Buffer.concat([Buffer.of(0x80), Buffer.alloc(10), Buffer.of(3)])
  return [
    outer,
    archive({ name: 'n01440764.tar', content: outer }, { name: 'n02012849.tar', content: outer }),
    archive(
      { name: 'n01440764.tar', content: archive({ name: 'n01440764_8.JPEG', content: 'a' }) },
      { name: 'b.jpg', type: '2' },
      { name: '../b.jpg', content: 'b' },
      { name: 'c.png', content: 'ccc', size: binary },
      { name: 'c.png', content: 'c' },
    ),
  ].flatMap((file) => [withChoice(file, 0), withChoice(file, 1)])
}
