import { readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { GoogLeNetError } from '../errors.js'
import { type ByteSource, FileBytes, memoryBytes } from './byteSource.js'
import { readStructArray } from './matFile.js'
import { readTar } from './tar.js'

/** What is known of the classes of ImageNet besides the pictures. */
export interface Synsets {
  /** WordNet ID to words, as `tench, Tinca tinca`. */
  words: ReadonlyMap<string, string>
  /** File name, without ending, of a validation picture to the WordNet ID of what it shows. */
  truth: ReadonlyMap<string, string>
}

/** `n01440764`. */
export const isWordNetId = (name: string): boolean => /^n\d{8}$/.test(name)

const truthName = 'ILSVRC2012_validation_ground_truth.txt'
const gunzipAsync = promisify(gunzip)
const longestDevkit = 2 ** 28

/**
 * Reads the development kit: `ILSVRC2012_devkit_t12.tar.gz`, or the folder that it unpacks to. Its numbers of the
 * classes are in no order that networks use; they lead to the WordNet IDs, and go no further.
 *
 * @throws ERR_GOOGLENET_DATA when something is not there or damaged, ERR_GOOGLENET_IO.
 */
export async function readDevkit(path: string): Promise<Synsets> {
  const status = await stat(path).catch(() => undefined)
  const files = status?.isDirectory() ? await devkitFolder(path) : await devkitArchive(path)
  const [mat, truth] = [files.get('meta.mat'), files.get(truthName)]
  if (!mat || !truth) {
    throw devkitError(path, `it holds no ${mat ? truthName : 'meta.mat'}; name ILSVRC2012_devkit_t12.tar.gz`)
  }
  const fields = ['ILSVRC2012_ID', 'WNID', 'words', 'num_children']
  const rows = await readStructArray(mat, 'synsets', fields).catch((error: GoogLeNetError) => {
    throw devkitError(path, `meta.mat: ${error.message}`)
  })
  const words = new Map<string, string>()
  const byNumber = new Map<number, string>()
  for (const { ILSVRC2012_ID: number, WNID: wnid, words: text, num_children: children } of rows) {
    // The others are what the classes are kinds of.
    if (children !== 0) continue
    if (typeof number !== 'number' || typeof wnid !== 'string' || !isWordNetId(wnid)) {
      throw devkitError(path, 'meta.mat: it has a class without number or WordNet ID')
    }
    words.set(wnid, typeof text === 'string' ? text : wnid)
    byNumber.set(number, wnid)
  }
  const lines = truth.toString('latin1').trim().split(/\s+/)
  const entries = lines.map((line, i): [string, string] => {
    const wnid = byNumber.get(Number(line))
    if (wnid === undefined) throw devkitError(path, `line ${i + 1} of ${truthName} names no class`)
    return [`ILSVRC2012_val_${String(i + 1).padStart(8, '0')}`, wnid]
  })
  return { words, truth: new Map(entries) }
}

async function devkitFolder(path: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  for (const name of ['meta.mat', truthName]) {
    for (const folder of [path, join(path, 'data')]) {
      const content = await readFile(join(folder, name)).catch(() => undefined)
      if (content) files.set(name, content)
    }
  }
  return files
}

async function devkitArchive(path: string): Promise<Map<string, Buffer>> {
  await using file = await FileBytes.open(path)
  if (file.size > longestDevkit) throw devkitError(path, 'it is too large to be one')
  const bytes = await file.read(0, file.size)
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b
  const unpacked = isGzip
    ? await gunzipAsync(bytes, { maxOutputLength: longestDevkit }).catch(() => {
        throw devkitError(path, 'it cannot be unpacked; fetch it again')
      })
    : bytes
  return wantedFiles(memoryBytes(unpacked))
}

async function wantedFiles(source: ByteSource): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  for await (const { name, kind, offset, length, missing } of readTar(source)) {
    const file = basename(name)
    const isWanted = kind === 'file' && (file === 'meta.mat' || file === truthName) && missing === 0
    if (isWanted) files.set(file, Buffer.from(await source.read(offset, length)))
  }
  return files
}

/**
 * Reads Kaggle's two lists, either of which may be absent: `LOC_synset_mapping.txt` with lines `n01440764 tench, Tinca
 * tinca`, and `LOC_val_solution.csv` with lines `ILSVRC2012_val_00048981,n03995372 85 1 499 272`.
 *
 * @throws ERR_GOOGLENET_DATA naming the first line that is otherwise.
 */
export async function readKaggleLists(
  mapping: string | undefined,
  solution: string | undefined,
): Promise<Synsets> {
  const words = mapping === undefined ? [] : parseMapping(await readText(mapping), mapping)
  const truth = solution === undefined ? [] : parseSolution(await readText(solution), solution)
  return { words: new Map(words), truth: new Map(truth) }
}

/** WordNet IDs and words. @throws ERR_GOOGLENET_DATA naming `path`. */
export const parseMapping = (text: string, path: string): [string, string][] =>
  parseLines(text, path, /^(n\d{8})\s+(\S.*)$/)

/** Names of pictures and WordNet IDs. @throws ERR_GOOGLENET_DATA naming `path`. */
export const parseSolution = (text: string, path: string): [string, string][] =>
  parseLines(text, path, /^(\w+),(n\d{8})\b/, /^ImageId,/)

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause) => {
    throw new GoogLeNetError('ERR_GOOGLENET_DATA', `${path}: it cannot be read`, { cause })
  })
}

/** The two parts of each line that a pattern finds. */
function parseLines(text: string, path: string, pattern: RegExp, heading?: RegExp): [string, string][] {
  return text.split(/\r?\n/).flatMap((line, i): [string, string][] => {
    if (line === '' || (i === 0 && heading?.test(line))) return []
    const [, first, second] = pattern.exec(line) ?? []
    if (first === undefined || second === undefined) {
      throw new GoogLeNetError('ERR_GOOGLENET_DATA', `${path}: line ${i + 1} is not of its form`)
    }
    return [[first, second.trim()]]
  })
}

/**
 * What people call the classes, in their order: the first of the words, with the WordNet ID after it where two
 * classes have the same (a crane is a bird and a machine). Without words it is the ID.
 */
export function classNames(synsets: readonly string[], words: ReadonlyMap<string, string>): string[] {
  const firsts = synsets.map((wnid) => words.get(wnid)?.split(',')[0]?.trim() || wnid)
  const counts = new Map<string, number>()
  for (const name of firsts) counts.set(name, (counts.get(name) ?? 0) + 1)
  return firsts.map((name, i) => (counts.get(name)! > 1 ? `${name} (${synsets[i]})` : name))
}

function devkitError(path: string, what: string): GoogLeNetError {
  return new GoogLeNetError('ERR_GOOGLENET_DATA', `${path}: ${what}`)
}
