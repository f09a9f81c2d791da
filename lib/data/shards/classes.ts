import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path/posix'
import { asGoogLeNetError, GoogLeNetError } from '../../errors.js'
import { type SampleIndex, sampleOf } from '../sampleIndex.js'
import { splitName } from './tarIndex.js'

/** What is known of a shard before the classes of the whole set are. */
export interface IndexedShard {
  path: string
  index: SampleIndex
}

export interface ClassOptions {
  /**
   * A file that says the class of each sample: JSON (`{ "n01440764_10026": 3 }`) or lines (`n01440764_10026 3`). Samples
   * are found by their name without its suffix, with or without its folder. It goes before what the shards say.
   */
  classMap?: string
  /** Names of the classes that the shards number. */
  classNames?: readonly string[]
}

/**
 * Numbers the classes of all samples: by what the shards say, the class map, or the folder in a sample's name. Numbers
 * stay as they are, names are sorted by UTF-16 code units.
 *
 * @throws ERR_GOOGLENET_DATA naming a sample without a class, or a number without a name.
 */
export async function labelSamples(
  shards: readonly IndexedShard[],
  { classMap, classNames }: ClassOptions,
): Promise<{ classes: readonly string[]; labels: Uint32Array[] }> {
  const map = classMap === undefined ? undefined : await readClassMap(classMap)
  const texts = new Map<string, number>()
  const place = (text: string): number => {
    const found = texts.get(text)
    if (found !== undefined) return found
    texts.set(text, texts.size)
    return texts.size - 1
  }
  const places = shards.map((shard) => {
    const own = shard.index.classes.map((text) => (text === '' || map ? undefined : place(text)))
    return shard.index.labels.map((label, i) => own[label] ?? place(classOf(shard, i, map)))
  })
  const classes = nameClasses([...texts.keys()], classNames)
  const numbers = Array.from(texts.keys(), classes.labelOf)
  return { classes: classes.names, labels: places.map((shard) => shard.map((one) => numbers[one]!)) }
}

function classOf(
  { path, index }: IndexedShard,
  i: number,
  map: ReadonlyMap<string, string> | undefined,
): string {
  const { name } = sampleOf(index, i)
  const { key } = splitName(name)
  const said = map?.get(key) ?? map?.get(basename(key)) ?? index.classes[index.labels[i]!] ?? ''
  const folder = basename(dirname(key))
  const found = said || (folder === '.' ? '' : folder)
  if (found) return found
  throw new GoogLeNetError(
    'ERR_GOOGLENET_DATA',
    `${path}: ${JSON.stringify(name)} has no class; put it into ${JSON.stringify(`${key}.cls`)}, or give a class map`,
  )
}

export interface NamedClasses {
  names: readonly string[]
  labelOf: (text: string) => number
}

/**
 * Numbers the classes that are called so: numbers stay, names are sorted, or have the places that `names` gives them.
 *
 * @throws ERR_GOOGLENET_DATA for a class that `names` has not.
 */
export function nameClasses(texts: readonly string[], names: readonly string[] | undefined): NamedClasses {
  if (texts.every((text) => /^\d{1,9}$/.test(text))) {
    const most = texts.reduce((high, text) => Math.max(high, Number(text)), -1)
    if (names !== undefined && most >= names.length) {
      throw new GoogLeNetError(
        'ERR_GOOGLENET_DATA',
        `there is a class ${most}, but only ${names.length} names of classes`,
      )
    }
    if (most >= 1_000_000)
      throw new GoogLeNetError('ERR_GOOGLENET_DATA', `there is a class ${most}; number them from 0 on`)
    return { names: names ?? Array.from({ length: most + 1 }, (_, label) => String(label)), labelOf: Number }
  }
  const sorted = names ?? [...texts].sort()
  const labels = new Map(sorted.map((name, label) => [name, label]))
  const unknown = texts.find((text) => !labels.has(text))
  if (unknown !== undefined) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_DATA',
      `the class ${JSON.stringify(unknown)} is none of the names of classes`,
    )
  }
  return { names: sorted, labelOf: (text) => labels.get(text)! }
}

/** @throws ERR_GOOGLENET_IO, ERR_GOOGLENET_DATA. */
async function readClassMap(path: string): Promise<Map<string, string>> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw asGoogLeNetError(error, 'ERR_GOOGLENET_IO', `cannot read the class map ${path}`)
  })
  return parseClassMap(text, path)
}

/** @throws ERR_GOOGLENET_DATA naming `path`. */
export function parseClassMap(text: string, path: string): Map<string, string> {
  const entries = text.trimStart().startsWith('{') ? parseJsonMap(text, path) : parseLines(text, path)
  return new Map(entries.map(([name, label]) => [splitName(name).key, label]))
}

function parseJsonMap(text: string, path: string): [string, string][] {
  try {
    const found = JSON.parse(text) as Record<string, unknown>
    return Object.entries(found).map(([name, label]) => [name, String(label)])
  } catch (cause) {
    throw new GoogLeNetError('ERR_GOOGLENET_DATA', `${path}: it begins as JSON but is none`, { cause })
  }
}

function parseLines(text: string, path: string): [string, string][] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '')
  return lines.map((line, i) => {
    const [, name, label] = /^([^\s,]+)[\s,]+(\S.*)$/.exec(line.trim()) ?? []
    if (name !== undefined && label !== undefined) return [name, label]
    throw new GoogLeNetError(
      'ERR_GOOGLENET_DATA',
      `${path}: line ${i + 1} has no name and class: ${JSON.stringify(line.slice(0, 60))}`,
    )
  })
}
