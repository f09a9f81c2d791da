import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
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
  type TrainTransform,
  training,
} from './helpers.js'

/** A picture whose EXIF data say how it must be turned. */
function turned(tag: number): Uint8Array {
  const file = new Uint8Array(fixtureBytes('exif-rotated.jpg'))
  const entry = Buffer.from(file).indexOf(Buffer.from([0x01, 0x12, 0x00, 0x03, 0, 0, 0, 1]))
  file.set([0, tag], entry + 8)
  return file
}

describe("pixels are Pillow's", () => {
  const references = readdirSync(fixture('eval'))
  const pictures = [...new Set(references.map((name) => name.replace(/\.(rgb|grey)$/, '')))]

  it('for as many kinds of pictures as there are fixtures', () => {
    const files = readdirSync(fixture('')).filter((name) => name.includes('.'))
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

  // 375 pixels become 4, 5, 10 or 18: what the scaled DCT may take over, at 1/8, 1/4 and 1/2; or 40, and it may not.
  it.each(readdirSync(fixture('scaled')))('of photographs made much smaller: %s', async (name) => {
    const [, size = '', photo = ''] = /^(\d+)-(.+)\.rgb$/.exec(name) ?? []
    const path = fileURLToPath(new URL(`../../bench/pictures/${photo}`, import.meta.url))
    const decoded = await decodeOne(path, evaluation(Number(size)))
    const { mean, max } = difference(decoded, fixtureBytes(`scaled/${name}`))
    expect(mean).toBeLessThanOrEqual(1)
    expect(max).toBeLessThanOrEqual(4)
  })

  it.each([
    ['area', 'box'],
    ['nearest', 'nearest'],
    ['cubic', 'bicubic'],
  ] as const)('resized by %s', async (interpolation, name) => {
    const whole = { area: [1, 1], aspect: [4 / 3, 4 / 3] } as const
    const transform = training(24, { area: [...whole.area], aspect: [...whole.aspect], interpolation })
    const decoded = await decodeOne(fixture('baseline-420.jpg'), transform)
    expect(difference(decoded, fixtureBytes(`interpolation/${name}.rgb`)).max).toBeLessThanOrEqual(1)
  })

  it.each([
    ['ten', [28, 37], false, 20],
    ['squares', [28], true, 36],
  ] as const)('for the crops of one decoding: %s', async (name, scales, squares, count) => {
    const transform = { kind: 'crops', size: 24, scales, squares } as const
    const decoded = await decodeOne(fixture('baseline-420.jpg'), transform)
    const expected = fixtureBytes(`crops/${name}.rgb`)
    expect(decoded).toHaveLength(count * 24 * 24 * 3)
    expect(difference(decoded, expected).max).toBeLessThanOrEqual(1)
    const grey = await decodeOne(fixture('grey.jpg'), transform, 1)
    expect(grey).toHaveLength(count * 24 * 24)
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('with the EXIF orientation %i applied', async (tag) => {
    const loader = openLoader(1, 3, { orientation: 'apply' })
    const file = turned(tag)
    const { data } = await loader.decode([{ source: file, index: 0 }], evaluation(24, 28))
    const { mean, max } = difference(data, fixtureBytes(`orientation/${tag}.rgb`))
    expect(mean).toBeLessThan(0.3)
    expect(max).toBeLessThanOrEqual(2)
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

  it('turned, with its crops and flips turned along', async () => {
    const loader = openLoader(1, 3, { orientation: 'apply' })
    const upright = openLoader(1, 3, { orientation: 'apply' })
    const mirrored = { source: turned(2), index: 0 }
    const plain = { source: turned(1), index: 0 }
    const whole = { area: [1, 1], aspect: [4 / 3, 4 / 3] } satisfies Partial<TrainTransform>
    const flipped = await loader.decode([mirrored], training(24, { ...whole, flip: 1 }))
    const same = await upright.decode([plain], training(24, whole))
    expect(equal(flipped.data, same.data)).toBe(true)
    const crops = { kind: 'crops', size: 24, scales: [28], squares: false } as const
    const [a, b] = await Promise.all([mirrored, plain].map((one) => loader.decode([one], crops)))
    // Ten crops: the left top corner of the one is the right top corner, mirrored, of the other.
    const bytes = 24 * 24 * 3
    const crop = (data: Uint8Array, i: number) => data.subarray(i * bytes, (i + 1) * bytes)
    expect(equal(crop(a!.data, 0), crop(b!.data, 6))).toBe(true)
  })

  it('fast: nearly as accurately decoded, the same in a crop as in the whole', async () => {
    const fast = openLoader(1, 3, { quality: 'fast' })
    for (const name of ['baseline-420.jpg', 'baseline-422.jpg', 'progressive.jpg', 'scaled-by-2.jpg']) {
      const picture = [{ source: fixture(name), index: 3 }]
      const { data } = await fast.decode(picture, training(24))
      const accurate = await decodeOne(fixture(name), evaluation(24))
      const evaluated = await fast.decode(picture, evaluation(24))
      expect(difference(evaluated.data, accurate).mean).toBeLessThan(4)
      const sample = await openLoader(1).decode(picture, training(24))
      expect(difference(data, sample.data).mean).toBeLessThan(4)
    }
  })

  it('also with bytes after its end', async () => {
    for (const file of ['baseline-420.jpg', 'rgba.png']) {
      const longer = Buffer.concat([fixtureBytes(file), Buffer.from('trailing bytes')])
      expect(await decodeOne(longer, evaluation(24))).toEqual(await decodeOne(fixture(file), evaluation(24)))
    }
  })
})
