import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { decodeArchiveIndex, encodeArchiveIndex } from '../../lib/data/archiveIndex.js'
import { memoryBytes } from '../../lib/data/byteSource.js'
import { Faults } from '../../lib/data/faults.js'
import { decodeShardIndex, encodeShardIndex, sampleOf } from '../../lib/data/shards/shardIndex.js'
import { readTar } from '../../lib/data/tar.js'
import { GoogLeNetError } from '../../lib/errors.js'
import { readSafetensors, writeSafetensors } from '../../lib/weights/safetensors.js'
import { temporaryFolder } from '../data/pictures.js'
import { archive, pax } from '../data/tarArchive.js'

/** Mutants of each file; more of them find more. */
const runs = Number(process.env.GOOGLENET_FUZZ_RUNS ?? 400)

/** Whole numbers below a bound, the same each time. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Values that break what counts with them. */
const hostile = [
  '\0\0\0\0',
  '\xff\xff\xff\xff',
  '\xff\xff\xff\x7f',
  '\x80\0\0\0',
  '-1',
  '9'.repeat(12),
  '{}',
  '[',
  '"',
]

/** What may happen to a file at a place. */
const changes: ((bytes: Buffer, place: number, below: (limit: number) => number) => Buffer)[] = [
  (bytes, place, below) => bytes.fill(below(256), place, place + 1),
  (bytes, place, below) => bytes.fill(bytes[place]! ^ (1 << below(8)), place, place + 1),
  (bytes, place, below) => {
    bytes.write(hostile[below(hostile.length)]!, place, 'latin1')
    return bytes
  },
  (bytes, place, below) => Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + below(64))]),
  (bytes, place, below) => Buffer.concat([bytes.subarray(0, place + below(64)), bytes.subarray(place)]),
  (bytes, place) => Buffer.from(bytes.subarray(0, place + 1)),
]

/** Copies of a file with bytes changed, taken out, doubled and cut off. */
function* mutants(file: Uint8Array, seed: number, repair = (bytes: Buffer) => bytes): Generator<Buffer> {
  const below = numbers(seed)
  for (let run = 0; run < runs; run++) {
    let bytes: Buffer = Buffer.from(file)
    for (let left = below(4); left >= 0 && bytes.length > 0; left--) {
      bytes = changes[below(changes.length)]!(bytes, below(bytes.length), below)
    }
    yield repair(bytes)
  }
}

/** Whether it was read; every other end than one with a code is a finding. */
async function reads(read: () => unknown): Promise<boolean> {
  try {
    await read()
    return true
  } catch (error) {
    if (!(error instanceof GoogLeNetError)) throw error
    expect(error.code).toMatch(/^ERR_GOOGLENET_/)
    expect(error.message).not.toBe('')
    return false
  }
}

/** Sets the checksum right, which would hide whatever else is wrong. */
const repaired = (bytes: Buffer): Buffer => {
  if (bytes.length > 12) bytes.writeUInt32LE(crc32(bytes.subarray(12)), 8)
  return bytes
}

/** As above, of the header that begins in each block of a tar. */
const checked = (bytes: Buffer): Buffer => {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const header = bytes.subarray(at, at + 512)
    if (header.toString('latin1', 257, 262) !== 'ustar') continue
    header.fill(' ', 148, 156)
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  }
  return bytes
}

describe('whatever bytes are changed, there is a result or an error with a code', () => {
  test('of a tar', async () => {
    const deep = `${'deep/'.repeat(30)}two.jpg`
    const outer = archive(
      { name: 'a/one.jpg', content: Buffer.alloc(700, 1) },
      { name: '././@LongLink', type: 'L', content: `${deep}\0` },
      { name: deep.slice(0, 100), content: 'two' },
      pax({ path: `x/${deep}`, size: '3' }),
      { name: 'x', content: '333' },
      { name: 'a', type: '5' },
    )
    const files = [outer, archive({ name: 'inner.tar', content: outer })]
    for (const [seed, file] of files.entries()) {
      for (const bytes of mutants(file, seed + 1, checked)) {
        const entries = readTar(memoryBytes(bytes))
        let offset = -1
        for (let step = await entries.next(); ; step = await entries.next()) {
          if (step.done) {
            expect(step.value.offset).toBeLessThan(bytes.length + 512)
            break
          }
          const { value } = step
          expect(value.offset).toBeGreaterThan(offset)
          expect(value.length).toBeGreaterThanOrEqual(0)
          expect(value.offset + value.length).toBeLessThanOrEqual(bytes.length)
          offset = value.offset
        }
      }
    }
  })

  test("of an archive's index", async () => {
    const state = { size: 10_000, mtimeMs: 5 }
    const names = Buffer.from('one.jpgtwo.jpgthree.jpg')
    const index = {
      groups: ['n01', 'n02'],
      starts: Uint32Array.of(0, 2, 3),
      offsets: Float64Array.of(512, 2048, 4096),
      lengths: Uint32Array.of(100, 200, 300),
      nameEnds: Uint32Array.of(7, 14, 23),
      names,
      faults: new Faults(),
    }
    const file = encodeArchiveIndex(index, state)
    expect(decodeArchiveIndex(new Uint8Array(file), state).groups).toEqual(['n01', 'n02'])
    for (const bytes of mutants(file, 3, repaired)) {
      await reads(() => {
        const read = decodeArchiveIndex(new Uint8Array(bytes), state)
        for (const [i, offset] of read.offsets.entries()) {
          expect(offset + read.lengths[i]!).toBeLessThanOrEqual(state.size)
          expect(read.nameEnds[i]).toBeLessThanOrEqual(read.names.length)
        }
        expect(read.starts.at(-1)).toBe(read.offsets.length)
      })
    }
  })

  test("of a shard's index", async () => {
    const file = encodeShardIndex({
      bytes: 10_240,
      mtimeMs: 5,
      blocks: Uint32Array.of(1, 4),
      lengths: Uint32Array.of(100, 900),
      labels: Uint32Array.of(0, 1),
      nameEnds: Uint32Array.of(3, 6),
      names: Buffer.from('onetwo'),
      classes: ['cat', 'dog'],
    })
    let readable = 0
    for (const bytes of mutants(file, 4, repaired)) {
      const good = await reads(() => {
        const index = decodeShardIndex(bytes, 'shard')
        for (let i = 0; i < index.blocks.length; i++) {
          const { offset, length } = sampleOf(index, i)
          expect(offset + length).toBeLessThanOrEqual(index.bytes)
          expect(index.classes[index.labels[i]!]).toBeTypeOf('string')
        }
      })
      if (good) readable++
    }
    expect(readable).toBeGreaterThan(0)
  })

  test('of a safetensors file', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'file.safetensors')
    const tensors = new Map([
      ['a', { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
      ['b', { shape: [], data: BigInt64Array.of(7n) }],
    ])
    await writeSafetensors(path, tensors, { googlenet: '{}' })
    const file = readFileSync(path)
    let readable = 0
    for (const bytes of mutants(file, 5)) {
      await writeFile(path, bytes)
      const good = await reads(async () => {
        for (const { shape, data } of (await readSafetensors(path)).tensors.values()) {
          expect(data).toHaveLength(shape.reduce((product, side) => product * side, 1))
        }
      })
      if (good) readable++
    }
    expect(readable).toBeGreaterThan(0)
    expect(readable).toBeLessThan(runs)
  })
})
