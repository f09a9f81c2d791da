import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { hash } from '../../../lib/data/order.js'
import {
  decodeShardIndex,
  encodeShardIndex,
  ShardIndexBuilder,
  sampleOf,
} from '../../../lib/data/shards/shardIndex.js'

const samples = [
  { offset: 512, length: 1000, className: 'cat', name: 'a.jpg' },
  { offset: 2560, length: 0, className: 'dog', name: 'größe/b.jpg' },
  { offset: 512 * 3_000_000_000, length: 4_000_000_000, className: 'cat', name: '' },
]

function built() {
  const builder = new ShardIndexBuilder()
  for (const sample of samples) builder.add(sample)
  return builder.finish(2 ** 41 - 512, 1234.5)
}

test('an index comes back as it was, past 4 GiB too', () => {
  const index = decodeShardIndex(encodeShardIndex(built()), 'x')
  expect(index).toEqual(built())
  expect(index).toMatchObject({ bytes: 2 ** 41 - 512, mtimeMs: 1234.5 })
  for (const [i, { className, ...sample }] of samples.entries()) {
    expect(sampleOf(index, i)).toEqual(sample)
    expect(index.classes[index.labels[i]!]).toBe(className)
  }
})

test('an empty one too; one that is too large is refused', () => {
  const empty = new ShardIndexBuilder().finish(1024)
  expect(decodeShardIndex(encodeShardIndex(empty), 'x')).toEqual(empty)
  expect(() => new ShardIndexBuilder().finish(2 ** 41)).toThrow(/2 TiB/)
})

/** Puts the right checksum on a file that was tampered with. */
function sealed(file: Buffer): Buffer {
  file.writeUInt32LE(crc32(file.subarray(12)), 8)
  return file
}

const column = (place: number, sample: number) => 48 + 4 * (3 * place + sample)

test.each([
  ['points past the end of its shard', (file: Buffer) => file.writeUInt32LE(0xffffffff, column(0, 0))],
  ['a shard of no size', (file: Buffer) => file.writeDoubleLE(Number.NaN, 16)],
  ['names a class that it has not', (file: Buffer) => file.writeUInt32LE(2, column(2, 1))],
  ['names out of order', (file: Buffer) => file.writeUInt32LE(100_000, column(3, 0))],
  ['another count of samples', (file: Buffer) => file.writeUInt32LE(0xffffffff, 32)],
  ['classes that are no list', (file: Buffer) => file.write('{', file.length - 13)],
])('a hostile index is refused although its checksum is right: %s', (_, tamper) => {
  const file = Buffer.from(encodeShardIndex(built()))
  tamper(file)
  expect(() => decodeShardIndex(sealed(file), '/data/x.samples')).toThrow(
    expect.objectContaining({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringContaining('/data/x.samples'),
    }),
  )
})

test('whatever the bytes are, they end in an index whose parts lie within it, or in an error with a code', () => {
  const whole = encodeShardIndex(built())
  for (let round = 0; round < 2000; round++) {
    const file = Buffer.from(
      whole.subarray(0, round % 7 === 0 ? hash(round) % (whole.length + 1) : whole.length),
    )
    for (let change = 0; change < 1 + (round % 3) && file.length > 0; change++) {
      file[hash(round, change) % file.length] = hash(round, change, 1) & 0xff
    }
    try {
      const { bytes, blocks, lengths, labels, nameEnds, names, classes } = decodeShardIndex(
        file.length > 12 ? sealed(file) : file,
        'x',
      )
      for (const [i, block] of blocks.entries()) {
        expect(block * 512 + lengths[i]!).toBeLessThanOrEqual(bytes)
        expect(labels[i]).toBeLessThan(classes.length)
        expect(nameEnds[i]).toBeLessThanOrEqual(names.length)
      }
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_GOOGLENET_DATA' })
    }
  }
})
