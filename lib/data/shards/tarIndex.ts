import { GoogLeNetError } from '../../errors.js'
import type { ArchiveState } from '../archiveIndex.js'
import type { ByteSource } from '../byteSource.js'
import { readTar } from '../tar.js'
import { type ShardIndex, ShardIndexBuilder } from './shardIndex.js'

const pictureSuffixes = ['jpg', 'jpeg', 'jpe', 'jfif', 'png']
/** Keys of a sample's JSON that may say its class, the first that is there is taken. */
const classKeys = ['label', 'cls', 'class']
const longestClass = 2 ** 20

/** The files of one sample: all that are called the same up to the first dot. */
interface Found {
  picture?: { offset: number; length: number; name: string }
  className?: string
  /** Of its JSON, when it has no file with its class. */
  described?: string
}

/**
 * Reads where the samples of a WebDataset tar lie. Files that are called the same up to the first dot of their name are
 * one sample: a picture, and its class in `.cls` (a number or a name) or in `.json` (`label`, `cls` or `class`). What
 * has no class gets an empty one; samples without a picture are passed over. Names that lead out of the archive are
 * of no harm: nothing is unpacked.
 *
 * @throws ERR_GOOGLENET_DATA when the archive is damaged, ends early or holds a file twice.
 */
export async function indexShard(
  source: ByteSource & ArchiveState & { path: string },
  signal?: AbortSignal,
): Promise<ShardIndex> {
  const refuse = (what: string) => new GoogLeNetError('ERR_GOOGLENET_DATA', `${source.path}: ${what}`)
  const samples = new Map<string, Found>()
  const entries = readTar(source, signal ? { signal } : {})
  for (;;) {
    const { value: entry, done } = await entries.next()
    if (done) {
      if (entry.fault) throw refuse(`it ${entry.fault}; fetch or write it again`)
      break
    }
    if (entry.kind !== 'file' || entry.missing > 0) continue
    const { key, suffix } = splitName(entry.name)
    const isPicture = pictureSuffixes.includes(suffix)
    if (key === '' || !(isPicture || suffix === 'cls' || suffix === 'json')) continue
    const found = samples.get(key) ?? {}
    samples.set(key, found)
    if (isPicture) {
      if (found.picture) throw refuse(`it holds two pictures called ${JSON.stringify(key)}`)
      const { offset, length, name } = entry
      found.picture = { offset, length, name }
      continue
    }
    if (entry.length > longestClass)
      throw refuse(`${JSON.stringify(entry.name)} is too long for what says a class`)
    const text = Buffer.from(await source.read(entry.offset, entry.length)).toString('utf8')
    if (suffix === 'cls') found.className = text.trim()
    else found.described = classOfJson(text)
  }
  const index = new ShardIndexBuilder()
  for (const { picture, className, described } of samples.values()) {
    if (picture) index.add({ ...picture, className: className || described || '' })
  }
  return index.finish(source.size, source.mtimeMs)
}

/** `train/n01440764_1.jpg`: key `train/n01440764_1`, suffix `jpg`. */
export function splitName(name: string): { key: string; suffix: string } {
  const dot = name.indexOf('.', name.lastIndexOf('/') + 2)
  return dot < 0
    ? { key: name, suffix: '' }
    : { key: name.slice(0, dot), suffix: name.slice(dot + 1).toLowerCase() }
}

/** Empty when it says none, or is no JSON. */
function classOfJson(text: string): string {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return ''
  }
  if (typeof value !== 'object' || value === null) return ''
  const key = classKeys.find((one) => one in value)
  const found = key === undefined ? undefined : (value as Record<string, unknown>)[key]
  return typeof found === 'string' || typeof found === 'number' ? String(found).trim() : ''
}
