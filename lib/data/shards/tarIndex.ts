import { basename } from 'node:path'
import { GoogLeNetError } from '../../errors.js'
import { count } from '../../report/format.js'
import type { ByteSource } from '../byteSource.js'
import { Faults } from '../faults.js'
import { type SampleIndex, SampleIndexBuilder } from '../sampleIndex.js'
import { lostAtEnd, readTar, type TarEntry } from '../tar.js'

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

/** A tar to index; `where` it is, for messages. */
type Shard = ByteSource & { where: string; mtimeMs: number }

/**
 * Reads where the samples of a WebDataset tar lie. Files that are called the same up to the first dot of their name are
 * one sample: a picture, and its class in `.cls` (a number or a name) or in `.json` (`label`, `cls` or `class`). What
 * has no class gets an empty one; samples without a picture are passed over. Names that lead out of the archive are
 * of no harm: nothing is unpacked. Of a tar that is damaged or ends early, the samples that are whole before that place
 * are used; what is lost is in the index's faults.
 *
 * @throws ERR_GOOGLENET_DATA when nothing of it is whole, ERR_GOOGLENET_ABORTED.
 */
export async function indexShard(shard: Shard, signal?: AbortSignal): Promise<SampleIndex> {
  const samples = new Map<string, Found>()
  const faults = new Faults()
  const entries = readTar(shard, signal ? { signal } : {})
  let fault: string | undefined
  for (;;) {
    const { value, done } = await entries.next()
    if (!done) {
      await see(value, shard, samples, faults)
      continue
    }
    fault = lostAtEnd(value, shard.size)
    break
  }
  const index = new SampleIndexBuilder()
  // Whose class did not come is not whole where others have theirs.
  const isClassed = fault !== undefined && [...samples.values()].some((found) => classOf(found) !== '')
  for (const found of samples.values()) {
    if (!found.picture) continue
    const className = classOf(found)
    if (isClassed && className === '') faults.add(found.picture.name, 'has lost its class')
    else index.add({ ...found.picture, className })
  }
  if (fault !== undefined) faults.add(basename(shard.where), fault)
  const made = index.finish(shard.size, shard.mtimeMs, faults)
  if (fault === undefined || made.blocks.length > 0) return made
  throw new GoogLeNetError('ERR_GOOGLENET_DATA', `${shard.where}: it ${fault}; fetch or write it again`)
}

/** Takes a file of a shard to its sample. */
async function see(entry: TarEntry, shard: Shard, samples: Map<string, Found>, faults: Faults) {
  const { key, suffix } = splitName(entry.name)
  const isPicture = pictureSuffixes.includes(suffix)
  if (entry.kind !== 'file' || key === '' || !(isPicture || suffix === 'cls' || suffix === 'json')) return
  const { offset, length, name, missing } = entry
  if (missing > 0) return faults.add(name, `is cut off: ${count(missing)} of its bytes are not there`)
  const found = samples.get(key) ?? {}
  samples.set(key, found)
  if (isPicture) {
    if (found.picture) faults.add(name, 'is there twice; the later one is used')
    found.picture = { offset, length, name }
    return
  }
  if (length > longestClass) return faults.add(name, 'is too long for what says a class')
  const text = Buffer.from(await shard.read(offset, length)).toString('utf8')
  if (suffix === 'cls') found.className = text.trim()
  else found.described = classOfJson(text)
}

const classOf = ({ className, described }: Found): string => className || described || ''

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
