import { crc32, inflateSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { drawFilters } from '../../lib/report/filters.js'
import { encodePng, type Pixels } from '../../lib/report/png.js'

/** Reads back what the encoder may write: 8-bit RGB or RGBA without filters. */
function decodePng(file: Buffer): Pixels {
  expect(file.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a')
  const chunks = new Map<string, Buffer>()
  for (let at = 8; at < file.length; ) {
    const length = file.readUInt32BE(at)
    const body = file.subarray(at + 4, at + 8 + length)
    expect(file.readUInt32BE(at + 8 + length)).toBe(crc32(body))
    chunks.set(body.subarray(0, 4).toString(), body.subarray(4))
    at += 12 + length
  }
  expect([...chunks.keys()]).toEqual(['IHDR', 'IDAT', 'IEND'])
  const header = chunks.get('IHDR')!
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)]
  const channels = header[9] === 2 ? 3 : 4
  const rows = inflateSync(chunks.get('IDAT')!)
  const data = new Uint8Array(width * height * channels)
  for (let y = 0; y < height; y++) {
    const start = y * (width * channels + 1)
    expect(rows[start]).toBe(0)
    data.set(rows.subarray(start + 1, start + 1 + width * channels), y * width * channels)
  }
  return { width, height, channels, data }
}

test.each([3, 4] as const)('a PNG of %d channels reads back as it was', (channels) => {
  const data = Uint8Array.from({ length: 5 * 3 * channels }, (_, index) => (index * 37) % 256)
  const pixels: Pixels = { width: 5, height: 3, channels, data }
  expect(decodePng(encodePng(pixels))).toEqual(pixels)
})

const pixelAt = ({ width, data }: Pixels, x: number, y: number) => [
  ...data.subarray((y * width + x) * 4).slice(0, 4),
]

test('filters are drawn in tiles: zero is grey, the largest weight of a filter is full', () => {
  const data = new Float32Array(9 * 3 * 4)
  data[0] = -2 // filter 0, red, top left
  data[4 + 3] = 1 // filter 0, green, bottom right
  data[8 * 12 + 8 + 1] = 0.001 // filter 8, blue, top right
  const picture = drawFilters({ shape: [9, 3, 2, 2], data })
  expect([picture.width, picture.height]).toEqual([8 * 3 - 1, 2 * 3 - 1])
  expect(pixelAt(picture, 0, 0)).toEqual([0, 128, 128, 255])
  expect(pixelAt(picture, 1, 1)).toEqual([128, 191, 128, 255])
  expect(pixelAt(picture, 1, 3)).toEqual([128, 128, 255, 255])
  expect(pixelAt(picture, 2, 0), 'between tiles').toEqual([0, 0, 0, 0])
  expect(pixelAt(picture, 5, 4), 'where there is no filter').toEqual([0, 0, 0, 0])

  const bgr = drawFilters({ shape: [9, 3, 2, 2], data, bgr: true })
  for (const [x, y] of [
    [0, 0],
    [1, 1],
    [1, 3],
  ] as const) {
    const [red, green, blue, alpha] = pixelAt(picture, x, y)
    expect(pixelAt(bgr, x, y)).toEqual([blue, green, red, alpha])
  }
})

test('filters over one channel are grey, over many the mean', () => {
  const one = drawFilters({ shape: [1, 1, 1, 2], data: Float32Array.of(1, -0.5) }, 1)
  expect(pixelAt(one, 0, 0)).toEqual([255, 255, 255, 255])
  expect(pixelAt(one, 1, 0)).toEqual([64, 64, 64, 255])
  const four = drawFilters({ shape: [1, 4, 1, 2], data: Float32Array.of(1, 0, 1, 0, 1, 0, 1, -4) }, 1)
  expect(pixelAt(four, 0, 0)).toEqual([255, 255, 255, 255])
  expect(pixelAt(four, 1, 0)).toEqual([0, 0, 0, 255])
})
