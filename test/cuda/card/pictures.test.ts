/** Pictures that nvJPEG decodes on the card, beside those that the CPU decodes. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { DecodedBatch, PictureTransform } from '../../../binding.js'
import { binding } from '../../../lib/native.js'
import { packageRoot } from '../../../lib/packageRoot.js'
import { difference, evaluation, fixture, fixtureBytes, picturesOf, training } from '../../images/helpers.js'

const folder = mkdtempSync(join(tmpdir(), 'googlenet-card-pictures-'))
afterAll(() => rmSync(folder, { recursive: true }))

const photographs = join(packageRoot, 'bench/pictures')
const jpegs = [
  ...readdirSync(photographs).map((name) => join(photographs, name)),
  ...['420', '422', '444'].map((sampling) => fixture(`baseline-${sampling}.jpg`)),
  ...['grey', 'restart-markers', 'portrait', 'exif-rotated'].map((name) => fixture(`${name}.jpg`)),
].filter((path) => path.endsWith('.jpg'))
const others = ['progressive.jpg', 'cmyk.jpg', 'palette.png'].map(fixture)

type Options = Partial<ConstructorParameters<typeof binding.Loader>[0]>

async function decode(
  sources: readonly string[],
  transform: PictureTransform,
  options: Options,
): Promise<DecodedBatch> {
  const loader = new binding.Loader({ threads: 4, channels: 3, ...options })
  try {
    return await loader.decode(
      sources.map((source, index) => ({ source, index })),
      transform,
    )
  } finally {
    loader.dispose()
  }
}

async function reasonMissing(): Promise<string | undefined> {
  const { code, message } = await decode([fixture('tiny.jpg')], evaluation(8), { decoder: 'cuda' }).then(
    () => ({ code: undefined, message: undefined }),
    (error: Error & { code?: string }) => error,
  )
  if (code !== undefined && code !== 'ERR_GOOGLENET_DEVICE') throw new Error(message)
  return message
}

describe('on cuda', async () => {
  const missing = await reasonMissing()
  if (missing) return it.skip(missing)

  const transforms: Record<string, PictureTransform> = {
    'a random crop': training(96, { flip: 0.5, interpolation: 'random' }),
    'the centre': evaluation(224, 256),
    'ten crops': { kind: 'crops', size: 64, scales: [96], squares: false },
  }
  const decoding: Options[] = [
    { quality: 'accurate' },
    { quality: 'fast' },
    { channels: 1 },
    { orientation: 'apply' },
  ]
  const cases = Object.entries(transforms).flatMap(([name, transform]) =>
    decoding.map((options) => ({ name, transform, options })),
  )

  it.each(cases)('$name is the one of the CPU, decoded with $options', async ({ transform, options }) => {
    const [there, here] = await Promise.all(
      (['cpu', 'cuda'] as const).map((decoder) =>
        decode([...jpegs, ...others], transform, { ...options, decoder }),
      ),
    )
    expect(here!.onGpu).toBe(jpegs.length)
    expect(here!.positions).toEqual(there!.positions)
    // Another inverse DCT and, with `fast`, another way to chroma; a picture that is shifted or of other colours is
    // further away by far.
    for (const [i, picture] of picturesOf(here!).entries()) {
      const { mean, max } = difference(picture, picturesOf(there!)[i]!)
      expect(mean, `of ${jpegs[i] ?? 'another'}`).toBeLessThan(options.quality === 'fast' ? 3 : 1.5)
      expect(max, `of ${jpegs[i] ?? 'another'}`).toBeLessThan(48)
    }
  })

  it('the same picture has the same bytes each time, on any number of threads', async () => {
    const many = Array.from({ length: 40 }, () => jpegs).flat()
    const bytes = async (threads: number) => {
      const { data, onGpu } = await decode(many, evaluation(64, 72), { decoder: 'cuda', threads })
      expect(onGpu).toBe(many.length)
      return Buffer.from(data)
    }
    const first = await bytes(1)
    for (const threads of [4, 16]) expect(Buffer.compare(await bytes(threads), first)).toBe(0)
  })

  it('damaged pictures among good ones harm none of them', async () => {
    const jpeg = fixtureBytes('baseline-420.jpg')
    const scan = Buffer.from(jpeg).lastIndexOf(Buffer.from([0xff, 0xda]))
    const damaged = [
      jpeg.subarray(0, jpeg.length / 2),
      jpeg.subarray(0, scan),
      Uint8Array.from(jpeg, (byte, i) => (i > scan + 200 && i < scan + 260 ? (i % 2 ? 0 : 0xff) : byte)),
    ].map((bytes, i) => {
      const path = join(folder, `${i}.jpg`)
      writeFileSync(path, bytes)
      return path
    })
    const good = await decode(jpegs, evaluation(64), { decoder: 'cuda', threads: 1 })
    const mixed = await decode(
      jpegs.flatMap((path) => [...damaged, path]),
      evaluation(64),
      { decoder: 'cuda', threads: 1 },
    )
    const step = damaged.length + 1
    const places = [...mixed.positions].map((position, i) => ({ position, i }))
    for (const [i, picture] of picturesOf(good).entries()) {
      const place = places.find(({ position }) => position === i * step + damaged.length)!
      expect(Buffer.compare(picturesOf(mixed)[place.i]!, picture)).toBe(0)
    }
    const cut = mixed.failures.filter(({ position }) => position % step < 2)
    expect(cut).toHaveLength(2 * jpegs.length)
  })

  it('a loader that is disposed of gives its memory back', async () => {
    const free = () => binding.system().cuda.cards[0]!.free
    await decode(jpegs, evaluation(64), { decoder: 'cuda' })
    const before = free()
    for (let i = 0; i < 5; i++) await decode(jpegs, evaluation(64), { decoder: 'cuda', threads: 8 })
    await expect.poll(() => before - free(), { timeout: 10_000 }).toBeLessThan(64e6)
  })
})
