import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { FileBytes } from './byteSource.js'
import { listFolder } from './listing.js'
import { readTar } from './tar.js'

/** The parts of ImageNet that are there. */
export interface ImageNetFiles {
  /** An archive, or a folder with one of pictures for each class. */
  train?: string
  /** The same, or a folder of pictures alone. */
  validation?: string
  /** The development kit's archive or folder. */
  devkit?: string
  /** Kaggle's lists. */
  mapping?: string
  solution?: string
}

const trainArchive = 'ILSVRC2012_img_train.tar'
const validationArchive = 'ILSVRC2012_img_val.tar'
const devkits = ['ILSVRC2012_devkit_t12.tar.gz', 'ILSVRC2012_devkit_t12.tar', 'ILSVRC2012_devkit_t12']
const mappingList = 'LOC_synset_mapping.txt'
const solutionList = 'LOC_val_solution.csv'
/** Where Kaggle's archive has the pictures, from its root. */
const kaggleFolder = 'ILSVRC/Data/CLS-LOC'

/**
 * The parts of ImageNet in a folder: the archives as downloaded, Kaggle's layout, or folders `train/` and `val/` with
 * the lists of either; undefined when it is none of these.
 *
 * @param isKnown to be ImageNet: then folders `train/` or `val/` are enough.
 */
export async function findImageNet(folder: string, isKnown = false): Promise<ImageNetFiles | undefined> {
  const names = new Set(await readdir(folder).catch(() => []))
  const there = (name: string) => (names.has(name) ? join(folder, name) : undefined)
  const devkit = devkits.map(there).find((path) => path !== undefined)
  const lists = { mapping: there(mappingList), solution: there(solutionList) }
  const kaggle = await existing(join(folder, kaggleFolder))
  if (basename(folder) === basename(kaggleFolder)) {
    const root = join(folder, '../../..')
    lists.mapping ??= await existing(join(root, mappingList))
    lists.solution ??= await existing(join(root, solutionList))
  }
  const inKaggle = async (name: string) => kaggle && (await existing(join(kaggle, name)))
  const archives = { train: there(trainArchive), validation: there(validationArchive) }
  const train = archives.train ?? there('train') ?? (await inKaggle('train'))
  const validation = archives.validation ?? there('val') ?? there('validation') ?? (await inKaggle('val'))
  const isFlat = async () =>
    train !== undefined && validation !== undefined && (await isFlatFolder(validation))
  if (isKnown && (train !== undefined || validation !== undefined)) {
    return present({ train, validation, devkit, ...lists })
  }
  const marks = [archives.train, archives.validation, devkit, lists.mapping, lists.solution, kaggle]
  if (marks.every((mark) => mark === undefined) && !(await isFlat())) return undefined
  return present({ train, validation, devkit, ...lists })
}

/** The parts of ImageNet beside an archive, which is one of them itself; undefined for another archive. */
export async function findImageNetBeside(archive: string): Promise<ImageNetFiles | undefined> {
  const part = await partOf(archive)
  if (part === undefined) return undefined
  const { train: _, ...beside } = (await findImageNet(dirname(archive))) ?? {}
  return { ...beside, [part]: archive }
}

/** What an archive is by its first members: the training archive holds archives, the other pictures with numbers. */
async function partOf(path: string): Promise<'train' | 'validation' | undefined> {
  await using file = await FileBytes.open(path)
  for await (const { name, kind } of readTar(file)) {
    if (kind === 'folder') continue
    if (/\.tar$/i.test(name)) return 'train'
    return /(^|\/)ILSVRC2012_val_\d{8}\.\w+$/.test(name) ? 'validation' : undefined
  }
  return undefined
}

/** What a path is that says what the classes are, or what validation pictures show. */
export async function findTruth(path: string): Promise<ImageNetFiles> {
  const beside = (name: string) => existing(join(dirname(path), name))
  if (/\.csv$/i.test(path)) return present({ solution: path, mapping: await beside(mappingList) })
  if (/\.txt$/i.test(path)) return present({ mapping: path, solution: await beside(solutionList) })
  const status = await stat(path).catch(() => undefined)
  const found = status?.isDirectory() ? ((await findImageNet(path)) ?? {}) : {}
  const { devkit, mapping, solution } = found
  return devkit || solution ? present({ devkit, mapping, solution }) : { devkit: path }
}

async function isFlatFolder(path: string): Promise<boolean> {
  const { folders, pictures } = await listFolder(path).catch(() => ({ folders: [], pictures: [] }))
  return folders.length === 0 && pictures.length > 0
}

async function existing(path: string): Promise<string | undefined> {
  const status = await stat(path).catch(() => undefined)
  return status && path
}

function present(files: { [K in keyof ImageNetFiles]: string | undefined }): ImageNetFiles {
  return Object.fromEntries(Object.entries(files).filter(([, path]) => path !== undefined))
}
