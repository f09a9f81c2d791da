import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { GoogLeNetError } from '../errors.js'
import { count } from '../report/format.js'
import { type ArchiveOptions, openArchive } from './archive.js'
import type { Skipped } from './faults.js'
import { ImageFolder } from './imageFolder.js'
import type { ImageNetFiles } from './imageNetFiles.js'
import { listFolder } from './listing.js'
import { withClasses } from './relabel.js'
import type { DataSet, Sample, SampleSource } from './source.js'
import { Subset, splitByClass } from './split.js'
import { classNames, readDevkit, readKaggleLists, type Synsets } from './synsets.js'

export interface ImageNetOptions extends ArchiveOptions {
  /** Share of each class that is kept for validation where no part for it is there. */
  split?: { validation: number }
  seed?: number
  /** Opens no more than it takes to evaluate on the validation part. */
  part?: 'validation'
}

/**
 * ImageNet in the parts that were found, read in place. Classes are in the order that everybody trains with, their
 * WordNet IDs sorted, and are called by the first of their words where the development kit or Kaggle's mapping is
 * there. What cannot be used is named in `skipped`: of an archive that ends early the rest.
 *
 * @throws ERR_GOOGLENET_DATA, ERR_GOOGLENET_IO, ERR_GOOGLENET_ABORTED.
 */
export async function openImageNet(files: ImageNetFiles, options: ImageNetOptions = {}): Promise<DataSet> {
  const synsets = await readSynsets(files)
  const skipped: Skipped[] = []
  const isTrainLeftOut =
    options.part === 'validation' && files.validation !== undefined && hasClasses(synsets)
  const train = files.train && !isTrainLeftOut ? await openTrain(files.train, options, skipped) : undefined
  const validation = files.validation
    ? await openValidation(files.validation, synsets, train, options, skipped)
    : undefined
  const source = train ?? validation
  if (source === undefined) {
    const found = Object.values(files).join(', ')
    throw new GoogLeNetError(
      'ERR_GOOGLENET_DATA',
      `of ImageNet ${found} is there, but no pictures; name what holds ILSVRC2012_img_train.tar or train/`,
    )
  }
  const none = (part: SampleSource) => new Subset(part, new Uint32Array(0))
  const { split, seed = 0 } = options
  const parts =
    train && validation === undefined && split
      ? await splitByClass(train, split.validation, seed)
      : { train: train ?? none(source), validation: validation ?? none(source) }
  const names = namesOf(source.classes, synsets)
  return {
    classes: names.classes,
    train: withClasses(parts.train, names),
    validation: withClasses(parts.validation, names),
    skipped,
  }
}

/**
 * A data set of ImageNet whose classes are WordNet IDs, or their numbers in the usual order, with the names of the
 * development kit or of Kaggle's mapping; one with other classes stays as it is.
 */
export async function nameClasses(data: DataSet, files: ImageNetFiles): Promise<DataSet> {
  const synsets = await readSynsets(files)
  const sorted = [...synsets.words.keys()].sort()
  const { classes } = data
  const areNumbers = classes.length <= sorted.length && classes.every((name, i) => name === String(i))
  if (!areNumbers && !classes.every((name) => synsets.words.has(name))) return data
  const names = namesOf(areNumbers ? sorted.slice(0, classes.length) : classes, synsets)
  const { train, validation } = data
  return {
    ...data,
    classes: names.classes,
    train: withClasses(train, names),
    validation: withClasses(validation, names),
  }
}

const hasClasses = ({ words, truth }: Synsets): boolean => words.size > 0 || truth.size > 0

/** The lists that are there; of two that say the same the development kit's is taken. */
async function readSynsets({ devkit, mapping, solution }: ImageNetFiles): Promise<Synsets> {
  return devkit ? readDevkit(devkit) : readKaggleLists(mapping, solution)
}

function namesOf(wnids: readonly string[], { words }: Synsets): Pick<SampleSource, 'classes' | 'synsets'> {
  if (words.size === 0) return { classes: wnids }
  return { classes: Object.freeze(classNames(wnids, words)), synsets: wnids }
}

async function openTrain(path: string, options: ImageNetOptions, skipped: Skipped[]): Promise<SampleSource> {
  const source = await openPart(path, options, skipped)
  const classes = source.classes.filter((name) => name !== '')
  if (classes.length < 2) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_DATA',
      `${path}: it holds ${classes.length === 1 ? 'one class' : 'no classes'}; a classifier needs two or more, ` +
        'each an archive or folder of its own',
    )
  }
  if (classes.length === source.classes.length) return source
  const { kept, without } = label(source, classes, ({ label }) => source.classes[label])
  if (without > 0) skipped.push({ name: basename(path), reason: `holds ${pictures(without)} in no class` })
  return kept
}

async function openValidation(
  path: string,
  synsets: Synsets,
  train: SampleSource | undefined,
  options: ImageNetOptions,
  skipped: Skipped[],
): Promise<SampleSource | undefined> {
  const source = await openPart(path, options, skipped)
  const isFlat = source.classes.every((name) => name === '')
  if (isFlat && synsets.truth.size === 0) {
    const reason = 'has no ground truth; put ILSVRC2012_devkit_t12.tar.gz or LOC_val_solution.csv beside it'
    if (train === undefined || options.part)
      throw new GoogLeNetError('ERR_GOOGLENET_DATA', `${path} ${reason}`)
    skipped.push({ name: basename(path), reason })
    return undefined
  }
  const known = synsets.words.size > 0 ? synsets.words.keys() : new Set(synsets.truth.values())
  const classes = train?.classes ?? (hasClasses(synsets) ? [...known].sort() : source.classes)
  const truthOf = ({ name }: Sample) => synsets.truth.get(basename(name).replace(/\.\w+$/, ''))
  const { kept, without, elsewhere } = label(source, classes, (sample) =>
    isFlat ? truthOf(sample) : source.classes[sample.label],
  )
  const name = basename(path)
  const missing = isFlat ? synsets.truth.size - (source.length - without) : 0
  if (without > 0) skipped.push({ name, reason: `holds ${pictures(without)} of which no class is known` })
  if (elsewhere > 0)
    skipped.push({ name, reason: `holds ${pictures(elsewhere)} of classes that are not trained on` })
  if (missing > 0) skipped.push({ name, reason: `lacks ${pictures(missing)} of the ground truth` })
  if (kept.length > 0) return kept
  throw new GoogLeNetError('ERR_GOOGLENET_DATA', `${path}: it holds no picture whose class is known`)
}

const pictures = (number: number): string => `${count(number)} picture${number === 1 ? '' : 's'}`

/** An archive, a folder of classes, or a folder of pictures alone, whose class has no name. */
async function openPart(path: string, options: ImageNetOptions, skipped: Skipped[]): Promise<SampleSource> {
  if (!(await stat(path).catch(() => undefined))?.isDirectory()) {
    const archive = await openArchive(path, options)
    skipped.push(...archive.index.faults.list(basename(path)))
    return archive
  }
  const { folders, pictures: names } = await listFolder(path)
  if (folders.length > 0) return (await ImageFolder.open(path)).train
  return {
    classes: [''],
    length: names.length,
    sample: (index) => ({ source: join(path, names[index]!), label: 0, name: names[index]! }),
  }
}

/** The samples whose class is one of `classes`, and how many have none or another. */
function label(
  source: SampleSource,
  classes: readonly string[],
  classOf: (sample: Sample) => string | undefined,
): { kept: SampleSource; without: number; elsewhere: number } {
  const numbers = new Map(classes.map((name, i) => [name, i]))
  const indices: number[] = []
  const labels: number[] = []
  let without = 0
  for (let index = 0; index < source.length; index++) {
    const name = classOf(source.sample(index)) ?? ''
    const number = numbers.get(name)
    if (name === '') without++
    if (number === undefined) continue
    indices.push(index)
    labels.push(number)
  }
  const kept: SampleSource = {
    classes,
    length: indices.length,
    sample: (index) => ({ ...source.sample(indices[index]!), label: labels[index]! }),
  }
  return { kept, without, elsewhere: source.length - indices.length - without }
}
