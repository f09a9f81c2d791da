import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { binding } from '../../lib/native.js'

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
const packer = new binding.Packer({ threads: 2 })
afterAll(() => packer.dispose())

/** What the frame header (SOF) of a JPEG says. */
function frameOf(jpeg: Uint8Array): {
  progressive: boolean
  width: number
  height: number
  components: number
} {
  const bytes = Buffer.from(jpeg.buffer, jpeg.byteOffset, jpeg.length)
  for (let at = 2; at < bytes.length; at += 2 + bytes.readUInt16BE(at + 2)) {
    const marker = bytes[at + 1]!
    if (marker < 0xc0 || marker > 0xc2) continue
    const [height, width] = [bytes.readUInt16BE(at + 5), bytes.readUInt16BE(at + 7)]
    return { progressive: marker === 0xc2, width, height, components: bytes[at + 9]! }
  }
  throw new Error('no frame')
}

async function packed(name: string, shortSide = 0, quality = 90) {
  const [picture] = await packer.pack([fixture(name)], { shortSide, quality })
  if (picture?.jpeg === undefined) throw new Error(picture?.failure)
  return picture
}

test('the shorter side becomes what is asked for, the longer side as torchvision truncates it', async () => {
  const { jpeg, width, height } = await packed('portrait.jpg', 30)
  expect({ width, height }).toEqual({ width: 61, height: 103 })
  expect(frameOf(jpeg)).toMatchObject({ width: 30, height: Math.floor((30 * 103) / 61) })
})

test('nothing is made larger', async () => {
  expect(frameOf((await packed('rgba.png', 4000)).jpeg)).toMatchObject(
    frameOf((await packed('rgba.png')).jpeg),
  )
})

describe('a JPEG that is small enough', () => {
  test.each(['baseline-420.jpg', 'baseline-444.jpg', 'grey.jpg', 'exif-rotated.jpg', 'restart-markers.jpg'])(
    'stays as it is: %s',
    async (name) => {
      const { jpeg } = await packed(name, 5000, 1)
      expect(Buffer.compare(jpeg, await readFile(fixture(name)))).toBe(0)
    },
  )

  test.each(['progressive.jpg', 'cmyk.jpg', 'ycck.jpg', 'palette.png'])('is made plain: %s', async (name) => {
    const { jpeg } = await packed(name)
    expect(frameOf(jpeg)).toMatchObject({ progressive: false, components: 3 })
  })

  test.each(['grey-16-bit.png', 'grey-1-bit.png'])('is grey where the picture is: %s', async (name) => {
    expect(frameOf((await packed(name)).jpeg).components).toBe(1)
  })
})

test('quality decides the size', async () => {
  const sizes = []
  for (const quality of [20, 60, 95]) sizes.push((await packed('rgb-16-bit.png', 0, quality)).jpeg.length)
  expect(sizes).toEqual([...sizes].sort((a, b) => a - b))
  expect(sizes[2]).toBeGreaterThan(1.5 * sizes[0]!)
})

test('what cannot be read has its reason in its place; ranges and bytes are read too', async () => {
  const bytes = await readFile(fixture('baseline-420.jpg'))
  const results = await packer.pack(
    [
      bytes,
      bytes.subarray(0, bytes.length / 2),
      fixture('nowhere.jpg'),
      { path: fixture('baseline-420.jpg'), offset: 0, length: bytes.length },
      new Uint8Array(0),
      { path: fixture('baseline-420.jpg'), offset: 10, length: 2 ** 40 },
    ],
    { shortSide: 0, quality: 90 },
  )
  expect(results.map(({ failure }) => failure)).toEqual([
    undefined,
    expect.stringContaining('is truncated'),
    expect.stringContaining('cannot be opened'),
    undefined,
    'is empty',
    expect.stringContaining('lies outside its file'),
  ])
})

test('the result does not depend on the number of threads', async () => {
  const sources = ['progressive.jpg', 'cmyk.jpg', 'portrait.jpg', 'rgba.png', 'interlaced.png'].map(fixture)
  const options = { shortSide: 40, quality: 80 }
  const expected = await packer.pack(sources, options)
  for (const threads of [1, 7]) {
    const other = new binding.Packer({ threads })
    expect(await other.pack(sources, options)).toEqual(expected)
    other.dispose()
  }
})

test('calls may overlap, none of them is empty-handed, and no picture is no result', async () => {
  const options = { shortSide: 32, quality: 80 }
  const calls = Array.from({ length: 5 }, () => packer.pack([fixture('portrait.jpg')], options))
  for (const [picture] of await Promise.all(calls)) expect(picture?.jpeg).toBeDefined()
  expect(await packer.pack([], options)).toEqual([])
})

describe('wrong arguments', () => {
  test.each([
    [{ shortSide: -1, quality: 90 }],
    [{ shortSide: 10, quality: 0 }],
    [{ shortSide: 10, quality: 101 }],
    [{ shortSide: 1.5, quality: 90 }],
  ])('%j', async (options) => {
    await expect(packer.pack([], options)).rejects.toMatchObject({ code: 'ERR_GOOGLENET_OPTION' })
  })

  test('a number of threads that is none', () => {
    expect(() => new binding.Packer({ threads: -1 })).toThrow(
      expect.objectContaining({ code: 'ERR_GOOGLENET_OPTION' }),
    )
  })
})

test('after dispose() calls are refused; the one under way ends', async () => {
  const other = new binding.Packer({ threads: 1 })
  const under = other.pack([fixture('portrait.jpg')], { shortSide: 32, quality: 80 })
  other.dispose()
  other.dispose()
  await expect(other.pack([], { shortSide: 1, quality: 1 })).rejects.toMatchObject({
    code: 'ERR_GOOGLENET_DISPOSED',
  })
  expect((await under)[0]?.jpeg).toBeDefined()
})
