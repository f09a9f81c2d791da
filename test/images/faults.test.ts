import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { crc32, deflateSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { PictureSource } from '../../binding.js'
import {
  equal,
  evaluation,
  fixture,
  fixtureBytes,
  openLoader,
  paint,
  picturesOf,
  training,
} from './helpers.js'

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'googlenet-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Why a picture could not be read. */
async function reasonOf(source: PictureSource, transform = evaluation(24)): Promise<string> {
  const { data, positions, failures } = await openLoader(1).decode([{ source, index: 0 }], transform)
  expect(data).toHaveLength(0)
  expect(positions).toHaveLength(0)
  expect(failures.map(({ position }) => position)).toEqual([0])
  return failures[0]!.reason
}

/** A file that is changed from `offset` on. */
function patched(file: Uint8Array, offset: number, bytes: number[]): Uint8Array {
  const copy = new Uint8Array(file)
  copy.set(bytes, offset)
  return copy
}

/** Offset of the JPEG marker FF `code`, or of a PNG chunk's type. */
const placeOf = (file: Uint8Array, sign: number[] | string): number =>
  Buffer.from(file).indexOf(typeof sign === 'string' ? sign : Buffer.from(sign))

function pngChunk(type: string, content: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(type), content])
  const frame = Buffer.alloc(8)
  frame.writeUInt32BE(content.length, 0)
  frame.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)])
}

const jpeg = fixtureBytes('baseline-420.jpg')
const png = fixtureBytes('rgba.png')

describe('a file that cannot be read has a reason', () => {
  it('that is not there', async () => {
    expect(await reasonOf('/nowhere/picture.jpg')).toBe('cannot be opened: No such file or directory')
  })

  it('that is a folder, a FIFO, a socket, a device or a link to nothing', async () => {
    const folder = temporaryFolder()
    expect(await reasonOf(folder)).toBe('is a directory')
    execFileSync('mkfifo', [join(folder, 'fifo')])
    expect(await reasonOf(join(folder, 'fifo'))).toBe('is not a regular file')
    expect(await reasonOf('/dev/zero')).toBe('is not a regular file')
    const server = createServer().listen(join(folder, 'socket'))
    onTestFinished(() => void server.close())
    expect(await reasonOf(join(folder, 'socket'))).toMatch(/^cannot be opened/)
    symlinkSync(join(folder, 'nothing'), join(folder, 'link'))
    expect(await reasonOf(join(folder, 'link'))).toMatch(/^cannot be opened: No such file/)
  })

  it('whose name no file can have', async () => {
    expect(await reasonOf(`${fixture('grey.jpg')}\0.jpg`)).toBe('has a NUL character in its path')
    expect(await reasonOf('')).toMatch(/^cannot be opened/)
    expect(await reasonOf('x'.repeat(5000))).toBe('cannot be opened: File name too long')
  })

  it('whose range lies outside', async () => {
    const path = fixture('baseline-420.jpg')
    const outside = /^lies outside its file: bytes \d+ to \d+ of 3136$/
    expect(await reasonOf({ path, offset: 0, length: jpeg.length + 1 })).toMatch(outside)
    expect(await reasonOf({ path, offset: jpeg.length + 1, length: 0 })).toMatch(outside)
    expect(await reasonOf({ path, offset: 2 ** 53 - 1, length: 2 ** 53 - 1 })).toMatch(
      /^lies outside its file/,
    )
    expect(await reasonOf({ path, offset: 0, length: 0 })).toBe('is empty')
    expect(await reasonOf({ path, offset: 0, length: jpeg.length - 1 })).toMatch(/^is truncated/)
  })

  it('that is too large to be a picture', async () => {
    const path = join(temporaryFolder(), 'sparse.jpg')
    writeFileSync(path, jpeg)
    truncateSync(path, 2 ** 31)
    expect(await reasonOf(path)).toBe('takes 2048 MiB; at most 1024 MiB are read')
  })

  it('that is empty or too short', async () => {
    expect(await reasonOf(new Uint8Array(0))).toBe('is empty')
    expect(await reasonOf(new Uint8Array(7))).toBe('is too short to be a picture')
    expect(await reasonOf(jpeg.subarray(0, 3))).toMatch(/JPEG|damaged/)
    expect(await reasonOf(png.subarray(0, 8))).toMatch(/^is truncated/)
  })

  it.each([
    ['GIF89a', 'a GIF'],
    ['BM\x00\x00', 'a BMP'],
    ['RIFF\x00\x00\x00\x00WEBPVP8 ', 'a WebP'],
    ['II*\x00', 'a TIFF'],
    ['\x00\x00\x00\x1cftypavif', 'an AVIF'],
    ['\x00\x00\x00\x1cftypheic', 'a HEIC'],
    ['<html>', 'not a picture'],
  ])('that begins with %j: it is %s', async (beginning, kind) => {
    const bytes = Buffer.from(beginning.padEnd(64, ' '), 'latin1')
    expect(await reasonOf(bytes)).toBe(`is ${kind}; only JPEG and PNG are read`)
  })
})

describe('a damaged picture has a reason', () => {
  it('cut off anywhere', async () => {
    for (const name of ['baseline-420.jpg', 'progressive.jpg', 'cmyk.jpg', 'a-png.jpeg', 'interlaced.png']) {
      const file = fixtureBytes(name)
      const sources = Array.from({ length: 40 }, (_, i) =>
        file.subarray(0, Math.floor((file.length * i) / 40)),
      )
      const pictures = sources.map((source, index) => ({ source, index }))
      const { positions } = await openLoader().decode(pictures, evaluation(24))
      expect(positions).toHaveLength(0)
    }
  })

  it('cut off behind what the crop needs', async () => {
    const ending = jpeg.subarray(0, jpeg.length - 2)
    expect(await reasonOf(ending, training(24, { area: [0.08, 0.08] }))).toMatch(/^is truncated/)
  })

  it('cut off with an end marker put behind', async () => {
    const closed = Buffer.concat([jpeg.subarray(0, 1500), Buffer.from([0xff, 0xd9])])
    expect(await reasonOf(closed)).toMatch(/^is damaged: .*premature end/)
  })

  it('with a hole of zeros', async () => {
    const start = placeOf(jpeg, [0xff, 0xda]) + 200
    expect(await reasonOf(patched(jpeg, start, Array(600).fill(0)))).toMatch(/^is damaged/)
    const data = placeOf(png, 'IDAT') + 100
    expect(await reasonOf(patched(png, data, Array(600).fill(0)))).toMatch(/^is damaged/)
  })

  it('whose PNG checksum is wrong', async () => {
    expect(await reasonOf(patched(png, placeOf(png, 'IHDR') + 4 + 13, [0]))).toMatch(/^is damaged: IHDR: CRC/)
  })

  it('without its tables, also after a picture that has them', async () => {
    const tables = placeOf(jpeg, [0xff, 0xdb])
    const length = 2 + Buffer.from(jpeg).readUInt16BE(tables + 2)
    const without = Buffer.concat([jpeg.subarray(0, tables), jpeg.subarray(tables + length)])
    const pictures = [jpeg, without].map((source, index) => ({ source, index }))
    const { failures } = await openLoader(1).decode(pictures, evaluation(24))
    expect(failures).toEqual([{ position: 1, reason: 'is damaged: Quantization table 0x00 was not defined' }])
  })

  it('that a decoder does not know', async () => {
    const frame = placeOf(jpeg, [0xff, 0xc0])
    expect(await reasonOf(patched(jpeg, frame + 1, [0xc3]))).toMatch(/^is damaged: Unsupported/) // lossless
    expect(await reasonOf(patched(jpeg, frame + 4, [12]))).toMatch(/^is damaged: Unsupported/) // 12 bits
    expect(await reasonOf(patched(png, placeOf(png, 'IHDR') + 4 + 8, [7]))).toMatch(/^is damaged/)
  })

  it('whatever bytes are changed, and the process lives', async () => {
    let state = 1
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    const names = [
      'baseline-422.jpg',
      'progressive.jpg',
      'cmyk.jpg',
      'tiny.jpg',
      'interlaced.png',
      'palette.png',
    ]
    const pictures = Array.from({ length: 1500 }, (_, index) => {
      const file = new Uint8Array(fixtureBytes(names[index % names.length]!))
      for (let i = random(8); i >= 0; i--) file[random(file.length)] = random(256)
      return { source: file, index }
    })
    const { data, positions, failures } = await openLoader(2).decode(pictures, training(20))
    const again = await openLoader(1).decode(pictures, training(20))
    expect(again.failures).toEqual(failures)
    expect(equal(again.data, data)).toBe(true)
    expect(positions.length + failures.length).toBe(pictures.length)
    expect(failures.length).toBeGreaterThan(100)
    expect(data).toHaveLength(positions.length * 20 * 20 * 3)
    for (const { reason } of failures) expect(reason).toMatch(/^(is|has|ends|needs) /)
  })
})

it('what the fuzzers keep is decoded or has a reason, and the process lives', async () => {
  const folder = fileURLToPath(new URL('../fuzz/corpus/', import.meta.url))
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const files = names.map((name) => join(folder, name)).filter((path) => statSync(path).isFile())
  expect(files.length).toBeGreaterThan(100)
  const pictures = files.map((source, index) => ({ source, index }))
  const crops = { kind: 'crops', size: 20, scales: [24], squares: true } as const
  for (const transform of [training(20), crops]) {
    for (const quality of ['accurate', 'fast'] as const) {
      const loader = openLoader(2, 3, { quality, orientation: 'apply' })
      const { positions, failures } = await loader.decode(pictures, transform)
      expect(positions.length + failures.length).toBe(files.length)
      for (const { reason } of failures) expect(reason).toMatch(/^(is|has|ends|needs|takes) /)
    }
  }
})

/** A PNG that says it is so large, with one pixel's data. */
function claimed(width: number, height: number, interlaced = false): Uint8Array {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, interlaced ? 1 : 0], 8)
  const pixel = paint(1, 1, () => [0, 0, 0])
  const start = placeOf(pixel, 'IHDR') - 4
  return Buffer.concat([
    pixel.subarray(0, start),
    pngChunk('IHDR', header),
    pixel.subarray(start + 12 + header.length),
  ])
}

describe('a picture that would exhaust the machine is refused', () => {
  const sides = (file: Uint8Array, offset: number, height: number, width: number) =>
    patched(file, offset, [height >> 8, height & 255, width >> 8, width & 255])

  it('for its pixels', async () => {
    const bomb = sides(jpeg, placeOf(jpeg, [0xff, 0xc0]) + 5, 65500, 65500)
    expect(await reasonOf(bomb)).toMatch(/^has 65500 x 65500 pixels; at most 268435456 pixels/)
    const wide = claimed(2 ** 31 - 1, 1)
    expect(await reasonOf(wide)).toMatch(/^has 2147483647 x 1 pixels; at most/)
  })

  it('for what a progressive or interlaced one must hold', async () => {
    const progressive = fixtureBytes('progressive.jpg')
    const frame = placeOf(progressive, [0xff, 0xc2])
    expect(await reasonOf(sides(progressive, frame + 5, 16384, 16384))).toMatch(
      /^is a multi-scan JPEG of 16384 x 16384 pixels that takes 768 MiB to decode; the limit is 512 MiB$/,
    )
    expect(await reasonOf(claimed(16384, 16384, true))).toMatch(
      /^is an interlaced PNG of 16384 x 16384 pixels that takes 1024 MiB to decode/,
    )
  })

  it('for its scans', async () => {
    const file = fixtureBytes('progressive.jpg')
    const first = placeOf(file, [0xff, 0xda])
    const second = first + 2 + placeOf(file.subarray(first + 2), [0xff, 0xc4])
    const scan = file.subarray(first, second)
    const bomb = Buffer.concat([file.subarray(0, first), ...Array(2000).fill(scan), file.subarray(second)])
    expect(await reasonOf(bomb)).toMatch(/^is damaged: more than 500 scans/)
  })

  it('but text that inflates a thousandfold is not even read', async () => {
    const text = Buffer.concat([Buffer.from('Comment\0\0'), deflateSync(Buffer.alloc(2 ** 26))])
    const data = placeOf(png, 'IDAT') - 4
    const bomb = Buffer.concat([png.subarray(0, data), pngChunk('zTXt', text), png.subarray(data)])
    const { positions } = await openLoader(1).decode([{ source: bomb, index: 0 }], evaluation(24))
    expect([...positions]).toEqual([0])
  })
})

describe('in a batch', () => {
  it('those that can be read close ranks, and positions say who they are', async () => {
    const good = fixture('baseline-420.jpg')
    const bad = fixture('none.jpg')
    const pictures = [bad, good, bad, bad, good, fixture('rgba.png'), bad].map((source, index) => ({
      source,
      index,
    }))
    const loader = openLoader()
    const decoded = await loader.decode(pictures, training(16))
    expect([...decoded.positions]).toEqual([1, 4, 5])
    expect(decoded.failures.map(({ position }) => position)).toEqual([0, 2, 3, 6])
    const readable = [1, 4, 5].map((i) => pictures[i]!)
    expect(picturesOf(decoded)).toEqual(picturesOf(await loader.decode(readable, training(16))))
  })
})
