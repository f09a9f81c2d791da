import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FileTensor, readSafetensors, writeSafetensors } from '../../lib/weights/safetensors.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetensors-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** The bytes of a file by the format's own words: length of the header, header, data. */
function fileOf(header: unknown, data: number | Uint8Array = 0, headerLength?: bigint): Buffer {
  const text = Buffer.isBuffer(header)
    ? header
    : Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(headerLength ?? BigInt(text.length))
  return Buffer.concat([length, text, typeof data === 'number' ? Buffer.alloc(data) : data])
}

async function read(content: Uint8Array) {
  const path = join(folder, 'read.safetensors')
  await writeFile(path, content)
  return readSafetensors(path)
}

describe('reading', () => {
  it('gives what the reference library wrote from PyTorch, in every precision', async () => {
    const path = fileURLToPath(new URL('fixtures/dtypes.safetensors', import.meta.url))
    const { tensors, metadata } = await readSafetensors(path)
    expect(metadata).toEqual({ 'made by': 'PyTorch ✓' })
    expect(tensors.get('count')).toEqual({ shape: [], data: BigInt64Array.of(2n ** 40n + 1n) })
    for (const name of ['f64', 'f32', 'f16', 'bf16']) {
      const { shape, data } = tensors.get(name)!
      expect(shape).toEqual([2, 3, 4])
      expect(data).toEqual(tensors.get(`${name}.expected`)!.data)
    }
    expect(tensors.get('f16')!.data[6]).not.toBe(tensors.get('bf16')!.data[6])
  })

  it('takes tensors in any order of the header, empty ones and spaces around', async () => {
    const header = ` { "b" : {"dtype":"F32", "shape":[1], "data_offsets":[4,8]},
      "none": {"dtype":"F32","shape":[3,0],"data_offsets":[4,4]},
      "a": {"data_offsets":[0,4],"shape":[],"dtype":"F32"} }   `
    const { tensors } = await read(fileOf(header, new Uint8Array(Float32Array.of(1, 2).buffer)))
    expect(Object.fromEntries(tensors)).toEqual({
      a: { shape: [], data: Float32Array.of(1) },
      none: { shape: [3, 0], data: new Float32Array() },
      b: { shape: [1], data: Float32Array.of(2) },
    })
  })

  const entry = (begin: number, end: number, shape: unknown = [(end - begin) / 4], dtype = 'F32') => ({
    dtype,
    shape,
    data_offsets: [begin, end],
  })
  const hostile: [string, Buffer, RegExp][] = [
    ['nothing', Buffer.alloc(0), /0 bytes, too few/],
    ['seven bytes', Buffer.alloc(7), /7 bytes, too few/],
    ['a header beyond the file', fileOf('{}', 0, 3n), /header would be 3 bytes long, the file has 10/],
    ['a header as long as memory', fileOf('{}', 0, 2n ** 63n), /header would be 9223372036854775808 bytes/],
    ['a header of 100 MB', fileOf('{}', 0, 100_000_001n), /the longest allowed is 100000000/],
    ['a header that is no JSON', fileOf('{"a":'), /not JSON/],
    ['an empty header', fileOf(''), /not JSON/],
    ['a header that is no UTF-8', fileOf(Buffer.from([0x7b, 0xff, 0x7d])), /not UTF-8/],
    ['a header that is a list', fileOf([]), /not a JSON object/],
    ['a header that is null', fileOf('null'), /not a JSON object/],
    ['metadata that is no object', fileOf({ __metadata__: 'x' }), /__metadata__ is not an object of strings/],
    ['metadata with numbers', fileOf({ __metadata__: { a: 1 } }), /__metadata__ is not an object of strings/],
    ['a tensor that is no object', fileOf({ a: 5 }), /"a" is described by 5/],
    ['an unknown dtype', fileOf({ a: entry(0, 4, [4], 'F8_E4M3') }, 4), /"a" has dtype "F8_E4M3"/],
    ['a dtype from Object', fileOf({ a: entry(0, 4, [4], 'constructor') }, 4), /has dtype "constructor"/],
    ['no dtype', fileOf({ a: { shape: [1], data_offsets: [0, 4] } }, 4), /has dtype undefined/],
    ['no shape', fileOf({ a: { dtype: 'F32', data_offsets: [0, 4] } }, 4), /has shape undefined/],
    ['a negative side', fileOf({ a: entry(0, 4, [-1]) }, 4), /has shape \[-1\]/],
    ['a broken side', fileOf({ a: entry(0, 4, [1.5]) }, 4), /has shape \[1.5\]/],
    ['a side that is text', fileOf({ a: entry(0, 4, ['1']) }, 4), /has shape \["1"\]/],
    ['a side beyond 2^53', fileOf({ a: entry(0, 4, [2 ** 60]) }, 4), /has shape/],
    [
      'sides that overflow',
      fileOf({ a: entry(0, 4, Array(40).fill(2 ** 32)) }, 4),
      /takes Infinity|takes \d/,
    ],
    ['sides that overflow to 0', fileOf({ a: entry(0, 0, [...Array(40).fill(2 ** 32), 0]) }), /takes NaN/],
    ['no offsets', fileOf({ a: { dtype: 'F32', shape: [1] } }, 4), /has offsets undefined/],
    ['three offsets', fileOf({ a: { dtype: 'F32', shape: [1], data_offsets: [0, 4, 8] } }, 8), /has offsets/],
    [
      'negative offsets',
      fileOf({ a: { dtype: 'F32', shape: [1], data_offsets: [-4, 0] } }, 4),
      /has offsets/,
    ],
    ['offsets turned round', fileOf({ a: entry(4, 0, [1]) }, 4), /takes 4 bytes, its offsets are \[4, 0\]/],
    ['another size than its shape', fileOf({ a: entry(0, 8, [1]) }, 8), /takes 4 bytes, .* \[0, 8\]/],
    ['offsets beyond the file', fileOf({ a: entry(0, 8) }, 4), /lies at \[0, 8\], the file ends at 4/],
    ['offsets far beyond', fileOf({ a: entry(2 ** 50, 2 ** 50 + 4) }, 4), /the file ends at 4/],
    ['tensors that overlap', fileOf({ a: entry(0, 8), b: entry(4, 12) }, 12), /"b" .* overlaps/],
    ['the same bytes twice', fileOf({ a: entry(0, 8), b: entry(0, 8) }, 8), /overlaps/],
    ['a gap between tensors', fileOf({ a: entry(0, 4), b: entry(8, 12) }, 12), /"b" .* leaves a gap after 4/],
    ['a gap before the first', fileOf({ a: entry(4, 8) }, 8), /leaves a gap after 0/],
    ['bytes after the last', fileOf({ a: entry(0, 4) }, 9), /tensors end at 4, the file at 9/],
    [
      'a name twice',
      fileOf(`{"a":${JSON.stringify(entry(0, 4))},"a":${JSON.stringify(entry(0, 4))}}`, 4),
      /holds "a" twice/,
    ],
    [
      'a name twice, once escaped',
      fileOf(`{"ab":${JSON.stringify(entry(0, 4))},"\\u0061b":${JSON.stringify(entry(4, 8))}}`, 8),
      /holds "ab" twice/,
    ],
    [
      'a field twice',
      fileOf('{"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}', 4),
      /"shape" twice/,
    ],
    ['metadata twice', fileOf('{"__metadata__":{},"__metadata__":{}}'), /"__metadata__" twice/],
  ]
  it.each(hostile)('refuses %s', async (_, content, message) => {
    await expect(read(content)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_WEIGHTS_FORMAT',
      message: expect.stringMatching(message),
    })
  })

  it('does not mistake what looks alike for a name twice', async () => {
    const header = `{"a":${JSON.stringify(entry(0, 4))},"b":${JSON.stringify(entry(4, 8))},
      "__metadata__":{"a":"\\"a\\":{","c":"a","d\\\\":"a"}}`
    const { metadata } = await read(fileOf(header, 8))
    expect(metadata).toEqual({ a: '"a":{', c: 'a', 'd\\': 'a' })
  })

  it('refuses a file that ends early, wherever it ends', async () => {
    const whole = fileOf({ a: entry(0, 8), b: entry(8, 24) }, 24)
    await expect(read(whole)).resolves.toBeDefined()
    const path = join(folder, 'short.safetensors')
    for (let length = 0; length < whole.length; length++) {
      await writeFile(path, whole)
      await truncate(path, length)
      await expect(readSafetensors(path)).rejects.toMatchObject({ code: 'ERR_GOOGLENET_WEIGHTS_FORMAT' })
    }
  })

  it.each([
    ['no file', 'missing.safetensors', /missing.safetensors as safetensors: ENOENT/],
    ['a folder', '.', /it is not a file/],
  ])('refuses %s', async (_, name, message) => {
    await expect(readSafetensors(join(folder, name))).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_WEIGHTS_FORMAT',
      message: expect.stringMatching(message),
    })
  })
})

describe('writing', () => {
  const tensors = new Map<string, FileTensor>([
    ['stem.weight', { shape: [2, 1, 3], data: Float32Array.of(1, -0, 1e-45, Number.NaN, -Infinity, 3.4e38) }],
    ['stem.count', { shape: [], data: BigInt64Array.of(-5n) }],
    ['', { shape: [0], data: new Float32Array() }],
    ['__proto__', { shape: [1], data: Float32Array.of(7) }],
    ['7', { shape: [1], data: Float32Array.of(8) }],
  ])

  it('is undone by reading', async () => {
    const path = join(folder, 'written.safetensors')
    await writeSafetensors(path, tensors, { note: '"quoted" ✓\n' })
    const { tensors: found, metadata } = await readSafetensors(path)
    expect(metadata).toEqual({ note: '"quoted" ✓\n' })
    expect(new Map([...found].sort())).toEqual(new Map([...tensors].sort()))
  })

  it('follows the format: each tensor at a multiple of its element, the data at a multiple of 8', async () => {
    const path = join(folder, 'layout.safetensors')
    await writeSafetensors(path, tensors)
    const bytes = await readFile(path)
    const headerLength = Number(bytes.readBigUInt64LE())
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerLength)) as Record<
      string,
      { dtype: string; shape: number[]; data_offsets: [number, number] }
    >
    expect(headerLength % 8).toBe(0)
    expect(header.__metadata__).toEqual({ 'googlenet.crc32': expect.stringMatching(/^[0-9a-f]{8}$/) })
    expect(header['stem.count']).toEqual({ dtype: 'I64', shape: [], data_offsets: [0, 8] })
    expect(header['stem.weight']).toEqual({ dtype: 'F32', shape: [2, 1, 3], data_offsets: [8, 32] })
    expect(bytes.readFloatLE(8 + headerLength + 8)).toBe(1)
    expect(bytes.readBigInt64LE(8 + headerLength)).toBe(-5n)
    expect(bytes).toHaveLength(8 + headerLength + 8 + 6 * 4 + 4 + 4)
  })

  it('writes a part of a larger array as that part', async () => {
    const path = join(folder, 'part.safetensors')
    const data = Float32Array.of(0, 1, 2, 3).subarray(1, 3)
    await writeSafetensors(path, new Map([['part', { shape: [2], data }]]))
    const { tensors: found } = await readSafetensors(path)
    expect(found.get('part')!.data).toEqual(Float32Array.of(1, 2))
  })

  it('keeps a checksum: whatever bit is changed afterwards, or part written anew, reading says so', async () => {
    const path = join(folder, 'checked.safetensors')
    await writeSafetensors(path, tensors, { note: 'x' })
    const good = await readFile(path)
    const whole = await readSafetensors(path)
    const refused = { code: 'ERR_GOOGLENET_WEIGHTS_FORMAT' }
    for (let bit = 0; bit < 8 * good.length; bit++) {
      const bytes = Buffer.from(good)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      const found = await read(bytes).catch((error) => error)
      // Without its name the checksum is not known as one, but then all else is as it was.
      if (found instanceof Error) expect(found).toMatchObject(refused)
      else expect([...found.tensors]).toEqual([...whole.tensors])
    }
    const data = 8 + Number(good.readBigUInt64LE())
    for (let at = data; at < good.length; at += 4) {
      const torn = Buffer.from(good).fill(0, at)
      if (torn.equals(good)) continue
      await expect(read(torn)).rejects.toMatchObject({
        ...refused,
        message: expect.stringMatching(/its checksum is [0-9a-f]{8}, .* damaged after .* earlier checkpoint/),
      })
    }
  })

  it('into a folder that is not there fails and leaves nothing', async () => {
    const path = join(folder, 'nowhere', 'x.safetensors')
    await expect(writeSafetensors(path, tensors)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_IO',
      message: expect.stringContaining(path),
    })
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })
})
