import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { DecodedBatch, Loader, PictureSource, PictureTransform } from '../../binding.js'
import { binding } from '../../lib/native.js'
import { encodePng } from '../../lib/report/png.js'

export type TrainTransform = Extract<PictureTransform, { kind: 'train' }>

type LoaderOptions = ConstructorParameters<typeof Loader>[0]

export const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
export const fixtureBytes = (name: string): Uint8Array => readFileSync(fixture(name))

/** A loader that lives as long as the test. */
export function openLoader(
  threads = 2,
  channels: 1 | 3 = 3,
  decode: Pick<LoaderOptions, 'quality' | 'orientation'> = {},
): Loader {
  const loader = new binding.Loader({ threads, channels, ...decode })
  onTestFinished(() => loader.dispose())
  return loader
}

export const evaluation = (size: number, resize = size): PictureTransform => ({ kind: 'eval', size, resize })

/** The paper's random crops, without flip and jitter. */
export function training(size: number, changes: Partial<TrainTransform> = {}): TrainTransform {
  return {
    kind: 'train',
    size,
    seed: 1,
    epoch: 0,
    area: [0.08, 1],
    aspect: [3 / 4, 4 / 3],
    flip: 0,
    jitter: { brightness: 0, contrast: 0, saturation: 0 },
    ...changes,
  }
}

/** One picture as `samples` samples, numbered from 0. */
export const repeated = (source: PictureSource, samples: number) =>
  Array.from({ length: samples }, (_, index) => ({ source, index }))

/** The pixels of one picture; its failure is the test's. */
export async function decodeOne(
  source: PictureSource,
  transform: PictureTransform,
  channels: 1 | 3 = 3,
): Promise<Uint8Array> {
  const { data, failures } = await openLoader(1, channels).decode([{ source, index: 0 }], transform)
  if (failures[0]) throw new Error(failures[0].reason)
  return data
}

/** The pixels of each picture of a batch. */
export function picturesOf({ data, positions }: DecodedBatch): Uint8Array[] {
  const bytes = data.length / positions.length
  return Array.from(positions, (_, i) => data.subarray(i * bytes, (i + 1) * bytes))
}

/** A PNG whose pixel at x, y is `colour(x, y)`. */
export function paint(
  width: number,
  height: number,
  colour: (x: number, y: number) => readonly [number, number, number],
): Uint8Array {
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.set(colour(x, y), (y * width + x) * 3)
  }
  return encodePng({ width, height, channels: 3, data })
}

/** Byte for byte; `toEqual` takes seconds for a batch. */
export const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

/** Mean and largest difference of two pictures. */
export function difference(a: Uint8Array, b: Uint8Array): { mean: number; max: number } {
  if (a.length !== b.length) return { mean: Number.NaN, max: Number.NaN }
  let sum = 0
  let max = 0
  for (let i = 0; i < a.length; i++) {
    const distance = Math.abs(a[i]! - b[i]!)
    sum += distance
    max = Math.max(max, distance)
  }
  return { mean: sum / a.length, max }
}
