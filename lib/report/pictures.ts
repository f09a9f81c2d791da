import { open, readFile } from 'node:fs/promises'
import type { Loader, PictureSource } from '../../binding.js'
import type { SampleSource } from '../data/source.js'
import type { Mistake } from '../training/evaluate.js'
import { dataUri, encodePng } from './png.js'

/** Files up to this size go into the page as they are; larger ones as small pictures. */
const largestFile = 24 * 1024
const thumbnailSize = 128

/**
 * The pictures of mistakes as addresses that a page can hold, by sample index. One that can no longer be read is
 * left out.
 */
export async function embedMistakes(
  source: SampleSource,
  mistakes: readonly Mistake[],
  loader: Pick<Loader, 'decode'>,
): Promise<Map<number, string>> {
  const embedded = new Map<number, string>()
  for (const { index } of mistakes) {
    const isHere = await (source.ready?.([index]) ?? Promise.resolve()).then(
      () => true,
      () => false,
    )
    if (!isHere) continue
    const picture = source.sample(index).source
    const address = (await embedFile(picture)) ?? (await embedThumbnail(picture, loader))
    if (address) embedded.set(index, address)
  }
  return embedded
}

async function embedFile(source: PictureSource): Promise<string | undefined> {
  const file = await readSmall(source).catch(() => undefined)
  if (file?.[0] === 0xff && file[1] === 0xd8) return dataUri('image/jpeg', file)
  if (file?.[0] === 0x89 && file[1] === 0x50) return dataUri('image/png', file)
  return undefined
}

async function readSmall(source: PictureSource): Promise<Uint8Array | undefined> {
  if (source instanceof Uint8Array) return source.length <= largestFile ? source : undefined
  if (typeof source !== 'string' && source.length > largestFile) return undefined
  const path = typeof source === 'string' ? source : source.path
  await using file = await open(path)
  if (typeof source === 'string') {
    return (await file.stat()).size <= largestFile ? await readFile(file) : undefined
  }
  const bytes = new Uint8Array(source.length)
  const { bytesRead } = await file.read(bytes, 0, source.length, source.offset)
  return bytesRead === source.length ? bytes : undefined
}

async function embedThumbnail(
  source: PictureSource,
  loader: Pick<Loader, 'decode'>,
): Promise<string | undefined> {
  const { data, positions } = await loader.decode([{ source, index: 0 }], {
    kind: 'eval',
    size: thumbnailSize,
    resize: thumbnailSize,
  })
  if (positions.length === 0) return undefined
  const png = encodePng({ width: thumbnailSize, height: thumbnailSize, channels: 3, data })
  return dataUri('image/png', png)
}
