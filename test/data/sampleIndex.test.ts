import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { Faults } from '../../lib/data/faults.js'
import {
  cutIndex,
  decodeSampleIndex,
  encodeSampleIndex,
  type SampleIndex,
  SampleIndexBuilder,
  sampleOf,
} from '../../lib/data/sampleIndex.js'

const samples = [
  { offset: 512, length: 1000, className: 'cat', name: 'a.jpg' },
  { offset: 2560, length: 0, className: 'dog', name: 'größe/b.jpg' },
  { offset: 512 * 3_000_000_000, length: 4_000_000_000, className: 'cat', name: '' },
]

function built(): SampleIndex {
  const builder = new SampleIndexBuilder()
  for (const sample of samples) builder.add(sample)
  return builder.finish(2 ** 41 - 512, 1234.5, new Faults([{ name: 'c.jpg', reason: 'is a link' }], 7))
}
const read = (file: Uint8Array) => decodeSampleIndex(new Uint8Array(file))

describe('an index', () => {
  test('comes back as it was, past 4 GiB too, wherever its bytes lie in the memory', () => {
    const file = encodeSampleIndex(built())
    for (const shift of [0, 1, 2, 3, 4, 8]) {
      const place = new Uint8Array(file.length + shift)
      place.set(file, shift)
      const index = decodeSampleIndex(place.subarray(shift))
      expect(index).toEqual(built())
      for (const [i, { className, ...sample }] of samples.entries()) {
        expect(sampleOf(index, i)).toEqual(sample)
        expect(index.classes[index.labels[i]!]).toBe(className)
      }
    }
  })

  test('may be empty; one of a tar that is too large is refused', () => {
    const empty = new SampleIndexBuilder().finish(1024)
    expect(read(encodeSampleIndex(empty))).toEqual(empty)
    expect(() => new SampleIndexBuilder().finish(2 ** 41)).toThrow(/2 TiB/)
  })

  test.each([
    [2 ** 41 - 512, 3],
    [5000, 2],
    [2560, 2],
    [2559, 1],
    [1511, 0],
    [0, 0],
  ])('of the first %i bytes of its tar has %i samples', (bytes, count) => {
    const index = cutIndex(built(), bytes)
    expect(index.bytes).toBe(bytes)
    expect(index.blocks.length).toBe(count)
    expect(Array.from({ length: count }, (_, i) => sampleOf(index, i).name)).toEqual(
      samples.slice(0, count).map(({ name }) => name),
    )
    expect(read(encodeSampleIndex(index))).toEqual(index)
  })
})

/** Puts the right checksum on a file that was tampered with. */
function sealed(file: Buffer): Buffer {
  file.writeUInt32LE(crc32(file.subarray(12)), 8)
  return file
}

const column = (place: number, sample: number) => 40 + 4 * (3 * place + sample)

test.each<[string, (file: Buffer) => void, RegExp]>([
  ['points past the end', (file) => file.writeUInt32LE(0xffffffff, column(0, 0)), /past the end/],
  ['is of a tar of no size', (file) => file.writeDoubleLE(Number.NaN, 24), /past the end/],
  ['names a class that it has not', (file) => file.writeUInt32LE(2, column(2, 1)), /class that it has not/],
  ['has names outside', (file) => file.writeUInt32LE(100_000, column(3, 2)), /names are out of order/],
  ['has names backwards', (file) => file.writeUInt32LE(0, column(3, 1)), /names are out of order/],
  ['has another count of samples', (file) => file.writeUInt32LE(0xffffffff, 12), /another length/],
  ['has lists that are none', (file) => file.write('[', file.indexOf('{"classes')), /lists/],
  ['has numbers for classes', (file) => file.write('12345', file.indexOf('"cat"')), /lists/],
  ['has faults that are none', (file) => file.write('lister', file.indexOf('listed')), /lists/],
  ['is of another version', (file) => file.write('GNSHARD1', 0), /this version/],
])('an index whose checksum is right but that %s is refused', (_, tamper, message) => {
  const file = encodeSampleIndex(built())
  tamper(file)
  expect(() => read(sealed(file))).toThrow(
    expect.objectContaining({ code: 'ERR_GOOGLENET_DATA', message: expect.stringMatching(message) }),
  )
})

test('an index with any byte changed, or cut off, is refused', () => {
  const file = encodeSampleIndex(built())
  for (let at = 0; at < file.length; at++) {
    const damaged = Buffer.from(file)
    damaged[at]! ^= 1 << (at % 8)
    expect(() => read(damaged)).toThrow(expect.objectContaining({ code: 'ERR_GOOGLENET_DATA' }))
    expect(() => read(file.subarray(0, at))).toThrow(expect.objectContaining({ code: 'ERR_GOOGLENET_DATA' }))
  }
})
