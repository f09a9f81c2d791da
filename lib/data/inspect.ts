import type { Packer } from '../../binding.js'
import { checkNumber } from '../checks.js'
import { asGoogLeNetError } from '../errors.js'
import { binding } from '../native.js'
import { checkNotAborted } from '../queue.js'
import { areFew, type DataSet, type SampleSource } from './source.js'

export interface InspectOptions {
  /** At most so many pictures of each part are looked at, evenly spread; all by default. */
  sample?: number
  /** Pictures of each class that are kept small for looking at; 8 by default. */
  thumbnails?: number
  /** 0, the default, means every core that the process may use. */
  threads?: number
  onProgress?: (done: number, pictures: number) => void
  signal?: AbortSignal
}

/** Least, middle and greatest of some figures. */
export interface Spread {
  least: number
  median: number
  greatest: number
}

export interface ClassInspection {
  name: string
  /** WordNet ID, where the data set has them. */
  synset?: string
  train: number
  validation: number
}

export interface Inspection {
  parts: { train: number; validation: number }
  classes: ClassInspection[]
  /** Pictures of the largest training class for each of the smallest; 1 is balanced. */
  imbalance: number
  /** Pictures that were decoded, whole. */
  inspected: number
  /** Of those that could be read; absent when none could. */
  width?: Spread
  height?: Spread
  /** Pixels of the shorter side. */
  shortSide?: Spread
  /** Those that cannot be read, and what the data set itself leaves out. */
  broken: { name: string; reason: string }[]
  /** Small JPEGs of each class, by its number. */
  thumbnails: Map<number, { name: string; jpeg: Uint8Array }[]>
  seconds: number
}

const chunkSize = 256
const thumbnailSide = 96
const thumbnailQuality = 80

/**
 * Decodes the pictures of a data set whole and says what is in it.
 *
 * @throws ERR_GOOGLENET_OPTION, ERR_GOOGLENET_IO, ERR_GOOGLENET_ABORTED.
 */
export async function inspect(data: DataSet, options: InspectOptions = {}): Promise<Inspection> {
  const started = performance.now()
  const { onProgress, signal } = options
  const most = checkNumber('sample', options.sample ?? Number.MAX_SAFE_INTEGER, { min: 1, whole: true })
  const each = checkNumber('thumbnails', options.thumbnails ?? 8, { min: 0, max: 1000, whole: true })
  const threads = checkNumber('threads', options.threads ?? 0, { min: 0, max: 1024, whole: true })
  const parts = [data.train, data.validation]
  const total = parts.reduce((sum, { length }) => sum + Math.min(length, most), 0)
  const widths: number[] = []
  const heights: number[] = []
  const broken = [...(data.skipped ?? [])]
  const thumbnails: Inspection['thumbnails'] = new Map()
  let inspected = 0
  const packer = openPacker(threads)
  try {
    for (const source of parts) {
      for await (const { label, name, picture } of decodeSome(packer, source, most, signal)) {
        inspected++
        if (picture.jpeg === undefined) broken.push({ name, reason: picture.failure })
        else {
          widths.push(picture.width)
          heights.push(picture.height)
          const kept = thumbnails.get(label) ?? []
          if (kept.length < each) thumbnails.set(label, [...kept, { name, jpeg: picture.jpeg }])
        }
        if (inspected % chunkSize === 0) onProgress?.(inspected, total)
      }
    }
  } finally {
    packer.dispose()
  }
  const classes = await countClasses(data)
  const counts = classes.map(({ train }) => train)
  const spreads = widths.length > 0 && {
    width: spread(widths),
    height: spread(heights),
    shortSide: spread(widths.map((width, i) => Math.min(width, heights[i]!))),
  }
  return {
    parts: { train: data.train.length, validation: data.validation.length },
    classes,
    imbalance: Math.max(...counts) / Math.max(1, Math.min(...counts)),
    inspected,
    ...spreads,
    broken,
    thumbnails,
    seconds: (performance.now() - started) / 1000,
  }
}

function openPacker(threads: number): Packer {
  try {
    return new binding.Packer({ threads })
  } catch (error) {
    throw asGoogLeNetError(error, 'ERR_GOOGLENET_NATIVE', 'cannot start the decoder')
  }
}

/** Of a source at most `most` pictures, evenly spread. */
async function* decodeSome(
  packer: Packer,
  source: SampleSource,
  most: number,
  signal: AbortSignal | undefined,
) {
  const count = Math.min(source.length, most)
  const options = { shortSide: thumbnailSide, quality: thumbnailQuality }
  const few = areFew(count, source.length) || undefined
  for (let begin = 0; begin < count; begin += chunkSize) {
    checkNotAborted(signal)
    const indices = Array.from({ length: Math.min(chunkSize, count - begin) }, (_, i) =>
      Math.floor(((begin + i) * source.length) / count),
    )
    await source.ready?.(indices, signal, few)
    const samples = indices.map((index) => source.sample(index))
    const pictures = await packer.pack(
      samples.map((sample) => sample.source),
      options,
    )
    for (const [i, picture] of pictures.entries()) yield { ...samples[i]!, picture }
  }
}

async function countClasses({ classes, train, validation }: DataSet): Promise<ClassInspection[]> {
  const [trained, validated] = [await countLabels(train), await countLabels(validation)]
  return classes.map((name, label) => ({
    name,
    ...(train.synsets?.[label] !== undefined && { synset: train.synsets[label] }),
    train: trained[label]!,
    validation: validated[label]!,
  }))
}

async function countLabels(source: SampleSource): Promise<Uint32Array> {
  const counts = new Uint32Array(source.classes.length)
  for (let index = 0; index < source.length; index++) {
    if (index % 1000 === 0) await new Promise(setImmediate) // others have work for the event loop too
    counts[source.sample(index).label]!++
  }
  return counts
}

function spread(values: readonly number[]): Spread {
  const sorted = Float64Array.from(values).sort()
  return { least: sorted[0]!, median: sorted[sorted.length >> 1]!, greatest: sorted.at(-1)! }
}
