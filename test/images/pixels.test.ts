import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  decodeOne,
  difference,
  equal,
  evaluation,
  fixture,
  fixtureBytes,
  openLoader,
  paint,
  picturesOf,
  repeated,
  training,
} from './helpers.js'

describe("pixels are Pillow's", () => {
  const references = readdirSync(fixture('eval'))
  const pictures = [...new Set(references.map((name) => name.replace(/\.(rgb|grey)$/, '')))]

  it('for as many kinds of pictures as there are fixtures', () => {
    const files = readdirSync(fixture('')).filter((name) => !['eval', 'train'].includes(name))
    expect(pictures.sort()).toEqual(files.sort())
  })

  it.each(pictures)('%s, resized and cropped in the centre', async (name) => {
    const decoded = await decodeOne(fixture(name), evaluation(24, 28))
    const { mean, max } = difference(decoded, fixtureBytes(`eval/${name}.rgb`))
    // Both figures are far below what a wrong filter, chroma upsampling or half a pixel's shift would give.
    expect(mean).toBeLessThan(0.25)
    expect(max).toBeLessThanOrEqual(2)
  })

  it.each(pictures)('%s as one channel of luma', async (name) => {
    const decoded = await decodeOne(fixture(name), evaluation(24, 28), 1)
    const { mean, max } = difference(decoded, fixtureBytes(`eval/${name}.grey`))
    expect(mean).toBeLessThan(0.5)
    expect(max).toBeLessThanOrEqual(3)
  })

  it('for random crops and flips', async () => {
    const samples = readdirSync(fixture('train')).length
    const transform = training(24, { seed: 7, epoch: 3, flip: 0.5 })
    const decoded = await openLoader().decode(repeated(fixture('baseline-420.jpg'), samples), transform)
    for (const [index, pixels] of picturesOf(decoded).entries()) {
      expect(difference(pixels, fixtureBytes(`train/${index}.rgb`)).max).toBeLessThanOrEqual(1)
    }
  })
})

describe('a flat picture stays flat', () => {
  it.each([
    [3, 2, 224],
    [500, 375, 224],
    [37, 91, 17],
    [641, 479, 5],
  ])('%i x %i to %i', async (width, height, size) => {
    const picture = paint(width, height, () => [255, 128, 1])
    const decoded = await decodeOne(picture, evaluation(size))
    const wrong = Array.from({ length: size * size }, (_, i) => [
      ...decoded.subarray(3 * i, 3 * i + 3),
    ]).filter(([red, green, blue]) => red !== 255 || green !== 128 || blue !== 1)
    expect(decoded).toHaveLength(size * size * 3)
    expect(wrong).toEqual([])
  })
})

describe('a picture comes', () => {
  const name = 'baseline-420.jpg'

  it('from a file, a range of a file, or memory, with the same pixels', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'googlenet-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const bytes = fixtureBytes(name)
    const archive = join(folder, 'archive')
    writeFileSync(archive, Buffer.concat([Buffer.alloc(1000, 1), bytes, Buffer.alloc(500, 2)]))
    const shifted = new Uint8Array([0, 0, 0, ...bytes]).subarray(3)
    const sources = [
      fixture(name),
      { path: archive, offset: 1000, length: bytes.length },
      new Uint8Array(bytes),
      Buffer.from(bytes),
      shifted,
    ]
    const pictures = sources.map((source) => ({ source, index: 5 }))
    const [first, ...others] = picturesOf(await openLoader().decode(pictures, training(32)))
    expect(others).toHaveLength(sources.length - 1)
    for (const other of others) expect(equal(other, first!)).toBe(true)
  })

  it('as its content says, whatever its name', async () => {
    const [png, jpeg] = ['a-png.jpeg', 'baseline-444.jpg'].map((file) => fixture(file))
    expect(await decodeOne(png!, evaluation(16))).toHaveLength(16 * 16 * 3)
    expect(await decodeOne(jpeg!, evaluation(16))).toHaveLength(16 * 16 * 3)
  })

  it('as it was in memory when it was asked for', async () => {
    const loader = openLoader(1)
    const bytes = new Uint8Array(fixtureBytes(name))
    const decoding = loader.decode([{ source: bytes, index: 0 }], evaluation(24, 28))
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
    expect(bytes).toHaveLength(0)
    const { data } = await decoding
    expect(difference(data, fixtureBytes(`eval/${name}.rgb`)).max).toBeLessThanOrEqual(1)
  })

  it('as it is stored: the orientation that EXIF asks for is ignored', async () => {
    const [turned, plain] = ['exif-rotated.jpg', 'baseline-420.jpg'].map((file) => fixture(file))
    expect(await decodeOne(turned!, evaluation(24))).toEqual(await decodeOne(plain!, evaluation(24)))
  })

  it('also with bytes after its end', async () => {
    for (const file of ['baseline-420.jpg', 'rgba.png']) {
      const longer = Buffer.concat([fixtureBytes(file), Buffer.from('trailing bytes')])
      expect(await decodeOne(longer, evaluation(24))).toEqual(await decodeOne(fixture(file), evaluation(24)))
    }
  })
})
