import { stat } from 'node:fs/promises'
import { checkChoice, checkNumber } from '../checks.js'
import { GoogLeNetError } from '../errors.js'
import type { DataEvent } from './archive.js'
import { checkShare, ImageFolder, type ImageFolderOptions } from './imageFolder.js'
import { nameClasses, openImageNet } from './imageNet.js'
import { findImageNet, findImageNetBeside, findTruth, type ImageNetFiles } from './imageNetFiles.js'
import { listFolder } from './listing.js'
import type { ClassOptions } from './shards/classes.js'
import { openSharded } from './shards/open.js'
import { isUrl } from './shards/shardNames.js'
import type { RemoteOptions } from './shards/webDataset.js'
import type { DataSet } from './source.js'

export type { DataEvent } from './archive.js'

export interface OpenOptions extends ImageFolderOptions, ClassOptions {
  /**
   * Of ImageNet: the development kit or one of Kaggle's lists, where they are not beside the pictures. Shards get the
   * names of their classes from it.
   */
  devkit?: string
  /** The validation part, where it is elsewhere; for shards these too. */
  validation?: string
  /** Opens no more than it takes to evaluate: the archive of training pictures needs no index then. */
  part?: 'validation'
  /** Where what comes from servers is kept, and how it is fetched. */
  remote?: RemoteOptions
  /** With what cannot be used of an archive: `skip`, the default, names it in `skipped`; `throw` ends. */
  onError?: 'skip' | 'throw'
  onEvent?: (event: DataEvent) => void
  signal?: AbortSignal
}

/**
 * Opens a data set in whichever form it is:
 *
 * - a folder with one folder of pictures for each class, or with `train/` and `val/` of such (ImageFolder);
 * - ImageNet: a folder with ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar and ILSVRC2012_devkit_t12.tar.gz, any of
 *   these archives alone, Kaggle's layout, or `train/` of class folders beside a `val/` of pictures with a ground truth;
 * - WebDataset shards: a tar, a folder of them, a list as `train-{0000..1023}.tar`, on this machine or at http(s);
 * - parquet files of Hugging Face's `datasets`: one, a folder or a list of them, on this machine or at http(s);
 * - a folder that `pack` wrote, on this machine or at http(s).
 *
 * @throws ERR_GOOGLENET_DATA saying what is not there or damaged, ERR_GOOGLENET_OPTION, ERR_GOOGLENET_IO,
 * ERR_GOOGLENET_ABORTED.
 */
export async function openDataSet(path: string, options: OpenOptions = {}): Promise<DataSet> {
  checkNumber('seed', options.seed ?? 0, { min: 0, whole: true })
  checkChoice('onError', options.onError ?? 'skip', ['skip', 'throw'])
  if (options.split) checkShare(options.split.validation)
  const data = await open(path, options)
  const [first, ...more] = data.skipped ?? []
  if (options.onError !== 'throw' || first === undefined) return data
  const others = more.length > 0 ? ` (and ${more.length} more)` : ''
  throw new GoogLeNetError('ERR_GOOGLENET_DATA', `${path}: ${first.name} ${first.reason}${others}`)
}

async function open(path: string, options: OpenOptions): Promise<DataSet> {
  const status = await stat(path).catch(() => undefined)
  if (status?.isDirectory()) return openFolder(path, options)
  const files = status && (await findImageNetBeside(path))
  if (files) return openImageNet(await withGiven(files, options), options)
  const data = status || isUrl(path) || /[{]|::/.test(path) ? await openShards(path, options) : undefined
  if (data) return data
  if (status) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_DATA',
      `${path}: it is no data set; name a folder, an archive, a tar or a parquet file`,
    )
  }
  throw new GoogLeNetError('ERR_GOOGLENET_DATA', `${path}: there is no such file or folder`)
}

async function openFolder(path: string, options: OpenOptions): Promise<DataSet> {
  const { devkit, validation } = options
  const files = await findImageNet(path, devkit !== undefined || validation !== undefined)
  if (files) return openImageNet(await withGiven(files, options), options)
  const data = await openShards(path, options)
  if (data) return data
  if (devkit !== undefined) {
    const { folders, pictures } = await listFolder(path)
    const part = folders.length === 0 && pictures.length > 0 ? { validation: path } : { train: path }
    return openImageNet(await withGiven(part, options), options)
  }
  return validation === undefined
    ? ImageFolder.open(path, options)
    : openImageNet({ train: path, validation }, options)
}

/** The parts that were named go before those that were found. */
async function withGiven(files: ImageNetFiles, { devkit, validation }: OpenOptions): Promise<ImageNetFiles> {
  const { train, validation: found, ...lists } = files
  const part = validation ?? found
  return {
    ...(train && { train }),
    ...(part && { validation: part }),
    ...(devkit === undefined ? lists : await findTruth(devkit)),
  }
}

async function openShards(path: string, options: OpenOptions): Promise<DataSet | undefined> {
  const { devkit, onEvent } = options
  const data = await openSharded(path, {
    ...options,
    onProgress: (done, total) => onEvent?.({ type: 'indexing', path, done, total, unit: 'shards' }),
  })
  return data && devkit !== undefined ? nameClasses(data, await findTruth(devkit)) : data
}
