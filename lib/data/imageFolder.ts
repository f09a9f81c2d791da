import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { checkNumber } from '../checks.js'
import { GoogLeNetError } from '../errors.js'
import { listFolder, listPictures } from './listing.js'
import type { DataSet, Sample, SampleSource } from './source.js'
import { Subset, splitByClass } from './split.js'

export interface ImageFolderOptions {
  /**
   * Share of each class that is kept for validation, above 0 and below 1. Without it there is no validation. A
   * data set that comes with a validation folder keeps that one, whatever is asked for here.
   */
  split?: { validation: number }
  /** Decides which pictures the split takes; 0 by default. */
  seed?: number
}

/** Folders whose pictures are not trained on, the first that is there is taken. */
const validationFolders = ['validation', 'val', 'test']

/**
 * Pictures on disk, JPEG and PNG, in one of two layouts: a folder with one folder for each class, or a folder with
 * `train/` and one of `validation/`, `val/` and `test/`, each with one folder for each class. Subfolders of a
 * class belong to it, links are followed, hidden files are passed over. Classes are numbered by their names,
 * sorted by UTF-16 code units.
 */
export class ImageFolder implements DataSet {
  private constructor(
    readonly path: string,
    readonly classes: readonly string[],
    readonly train: SampleSource,
    readonly validation: SampleSource,
  ) {}

  /**
   * Lists the pictures; none is opened yet.
   *
   * @throws ERR_GOOGLENET_DATA saying what the folder lacks, ERR_GOOGLENET_OPTION.
   */
  static async open(path: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
    const seed = checkNumber('seed', options.seed ?? 0, { min: 0, whole: true })
    const share = options.split && checkShare(options.split.validation)
    const { folders } = await listFolder(path)
    const held = validationFolders.find((name) => folders.includes(name))
    if (await isParted(path, folders, held)) {
      const train = await ClassFolders.open(path, 'train')
      requirePictures(train)
      if (held !== undefined) {
        const validation = await ClassFolders.open(path, held)
        requireSameClasses(train, validation)
        return new ImageFolder(path, train.classes, train, validation)
      }
      return ImageFolder.#split(path, train, share, seed)
    }
    const all = await ClassFolders.open(path, '')
    requirePictures(all)
    return ImageFolder.#split(path, all, share, seed)
  }

  static async #split(
    path: string,
    all: SampleSource,
    share: number | undefined,
    seed: number,
  ): Promise<ImageFolder> {
    const { train, validation } =
      share === undefined
        ? { train: all, validation: new Subset(all, new Uint32Array(0)) }
        : await splitByClass(all, share, seed)
    return new ImageFolder(path, all.classes, train, validation)
  }
}

/** @throws ERR_GOOGLENET_OPTION unless it is above 0 and below 1. */
export function checkShare(share: number): number {
  const checked = checkNumber('split.validation', share, { min: 0, below: 1 })
  if (checked > 0) return checked
  throw new GoogLeNetError(
    'ERR_GOOGLENET_OPTION',
    'split.validation must be above 0, found 0; leave split out to keep nothing for validation',
  )
}

/** Whether `train` is a part of the data set: it could be a class too, of trains. */
async function isParted(
  path: string,
  folders: readonly string[],
  held: string | undefined,
): Promise<boolean> {
  if (!folders.includes('train') || (held === undefined && folders.length > 1)) return false
  return (await listFolder(join(path, 'train'))).folders.length > 0
}

/** One folder of pictures for each class. */
class ClassFolders implements SampleSource {
  readonly length: number
  /** Of the first sample of each class. */
  readonly #starts: Uint32Array

  private constructor(
    readonly path: string,
    /** The part of the data set, such as `train`; empty for the whole. */
    readonly part: string,
    readonly classes: readonly string[],
    /** Paths relative to the folder of their class. */
    readonly names: readonly (readonly string[])[],
  ) {
    this.#starts = new Uint32Array(classes.length)
    let length = 0
    for (const [label, { length: count }] of names.entries()) {
      this.#starts[label] = length
      length += count
    }
    this.length = length
  }

  static async open(path: string, part: string): Promise<ClassFolders> {
    const folder = join(path, part)
    const { folders, pictures } = await listFolder(folder)
    if (folders.length === 0) {
      const found = pictures.length > 0 ? `${pictures.length} pictures but no folders` : 'no folders'
      throw dataError(folder, `it holds ${found}; make one folder of pictures for each class`)
    }
    const above = [await realpath(folder)]
    const names = await Promise.all(folders.map((name) => listPictures(join(folder, name), above)))
    return new ClassFolders(path, part, Object.freeze(folders), names)
  }

  sample(index: number): Sample {
    checkNumber('sample', index, { min: 0, below: this.length, whole: true })
    const label = this.#labelOf(index)
    const name = join(this.part, this.classes[label]!, this.names[label]![index - this.#starts[label]!]!)
    return { source: join(this.path, name), label, name }
  }

  /** The last class that starts at `index` or before. */
  #labelOf(index: number): number {
    let low = 0
    let high = this.#starts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (this.#starts[middle]! <= index) low = middle
      else high = middle
    }
    return low
  }
}

function requirePictures({ path, part, classes, names, length }: ClassFolders): void {
  const folder = join(path, part)
  if (length === 0) {
    throw dataError(folder, 'none of its folders holds a JPEG or PNG picture; put pictures into them')
  }
  const empty = classes.filter((_, label) => names[label]!.length === 0)
  if (empty.length > 0) {
    throw dataError(
      folder,
      `${some(empty)} ${empty.length === 1 ? 'holds' : 'hold'} no JPEG or PNG picture; ` +
        'put pictures there, or remove what is no class',
    )
  }
  if (classes.length === 1) {
    throw dataError(
      folder,
      `it holds one class, ${some(classes)}; a classifier needs two or more, each a folder of its own`,
    )
  }
}

function requireSameClasses(train: ClassFolders, validation: ClassFolders): void {
  for (const [one, other] of [
    [train, validation],
    [validation, train],
  ] as const) {
    const missing = one.classes.filter((name) => !other.classes.includes(name))
    if (missing.length > 0) {
      throw dataError(
        train.path,
        `${one.part}/ has the folder${missing.length > 1 ? 's' : ''} ${some(missing)}, ${other.part}/ has not; ` +
          'both must hold the same classes',
      )
    }
  }
  if (validation.length === 0) {
    throw dataError(
      join(validation.path, validation.part),
      'none of its folders holds a JPEG or PNG picture; put pictures into them, or remove it',
    )
  }
}

function dataError(folder: string, what: string): GoogLeNetError {
  return new GoogLeNetError('ERR_GOOGLENET_DATA', `${folder}: ${what}`)
}

const some = (names: readonly string[]): string =>
  names
    .slice(0, 5)
    .map((name) => JSON.stringify(name))
    .join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '')
