import { createHash, type Hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { PackedPicture, Packer } from '../../../binding.js'
import { writeFileAtomic } from '../../files.js'
import { checkNotAborted } from '../../queue.js'
import { encodeSampleIndex, SampleIndexBuilder } from '../sampleIndex.js'
import type { Sample, SampleSource } from '../source.js'
import { tarBlock, tarEnd, tarEntry } from '../tarWriter.js'
import { indexName, type PackedShard, type PackPart, type PackSettings } from './manifest.js'

/** Pictures that are packed in one call of the addon. */
const chunkSize = 256

/** A shard to write: which samples of a source, by their places in an order. */
export interface ShardPlan {
  part: PackPart
  name: string
  source: SampleSource
  order: { at(position: number): number }
  positions: { begin: number; end: number }
}

/** Writes a shard and its index. */
export async function writeShard(
  packer: Packer,
  out: string,
  plan: ShardPlan,
  settings: PackSettings,
  signal: AbortSignal | undefined,
  onChunk: (pictures: number, skipped: number) => void,
): Promise<PackedShard> {
  const index = new SampleIndexBuilder()
  const skipped: PackedShard['skipped'] = []
  const digest = createHash('md5')
  let bytes = 0
  await writeFileAtomic(join(out, plan.name), async (file) => {
    for await (const { samples, begin, pictures } of packedChunks(packer, plan, settings, signal)) {
      const before = skipped.length
      const entries: Buffer[] = []
      for (const [i, picture] of pictures.entries()) {
        const { name, label } = samples[i]!
        if (picture.jpeg === undefined) {
          skipped.push({ name, reason: picture.failure })
          continue
        }
        const key = String(begin + i).padStart(9, '0')
        const className = String(label)
        const entry = tarEntry(`${key}.jpg`, picture.jpeg)
        index.add({ offset: bytes + tarBlock, length: picture.jpeg.length, className, name })
        entries.push(entry, tarEntry(`${key}.cls`, Buffer.from(className)))
        bytes += entry.length + entries.at(-1)!.length
      }
      await append(file, digest, Buffer.concat(entries))
      onChunk(pictures.length, skipped.length - before)
    }
    await append(file, digest, tarEnd)
    bytes += tarEnd.length
  })
  const encoded = encodeSampleIndex(index.finish(bytes))
  await writeFileAtomic(join(out, indexName(plan)), encoded)
  return {
    name: plan.name,
    bytes,
    md5: digest.digest('hex'),
    index: { bytes: encoded.length, md5: createHash('md5').update(encoded).digest('hex') },
    samples: plan.positions.end - plan.positions.begin - skipped.length,
    skipped,
  }
}

async function append(file: FileHandle, digest: Hash, bytes: Uint8Array): Promise<void> {
  digest.update(bytes)
  await file.appendFile(bytes)
}

interface Chunk {
  samples: Sample[]
  /** Position of its first sample. */
  begin: number
  pictures: PackedPicture[]
}

/** The samples of a shard, packed; while one chunk is written the next is made. */
async function* packedChunks(
  packer: Packer,
  { source, order, positions }: ShardPlan,
  { shortSide, quality }: PackSettings,
  signal: AbortSignal | undefined,
): AsyncGenerator<Chunk> {
  const make = async (begin: number): Promise<Chunk> => {
    const end = Math.min(begin + chunkSize, positions.end)
    const indices = Array.from({ length: end - begin }, (_, i) => order.at(begin + i))
    await source.ready?.(indices, signal)
    const samples = indices.map((index) => source.sample(index))
    const sources = samples.map((sample) => sample.source)
    return { samples, begin, pictures: await packer.pack(sources, { shortSide, quality }) }
  }
  let next: Promise<Chunk> | undefined
  for (let begin = positions.begin; begin < positions.end; begin += chunkSize) {
    checkNotAborted(signal)
    const chunk = next ?? make(begin)
    next = begin + chunkSize < positions.end ? chunk.then(() => make(begin + chunkSize)) : undefined
    next?.catch(() => {}) // met when its turn comes, or never: the loop may be left before
    yield await chunk
  }
}
