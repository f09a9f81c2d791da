import type { Command } from 'commander'
import type { OpenOptions } from '../data/open.js'
import type { DataSet } from '../data/source.js'
import { bytes, count } from '../report/format.js'
import { number } from './arguments.js'
import { openProgress } from './display.js'

/** Where a data set's parts are, for what is in more than one place. */
export interface DataFlags {
  devkit?: string
  validation?: string
  classMap?: string
  cache?: string
  cacheLimit?: number
}

export function addDataOptions(command: Command): Command {
  return addSourceOptions(command).option(
    '--validation <path>',
    'the validation pictures or shards, where they are elsewhere',
  )
}

/** All but `--validation`. */
export function addSourceOptions(command: Command): Command {
  return command
    .option('--devkit <path>', "ImageNet's development kit or LOC_val_solution.csv, where it is elsewhere")
    .option(
      '--class-map <file>',
      'the class of each sample of shards: JSON, or lines with a name and a class',
    )
    .option('--cache <folder>', 'where shards from servers are kept')
    .option(
      '--cache-limit <GiB>',
      'what they may take; half of the free space when left out',
      number('--cache-limit', { min: 0 }),
    )
}

/** Opens a data set, showing how far reading its archives has come. */
export async function openData(
  path: string,
  { devkit, validation, classMap, cache, cacheLimit }: DataFlags,
  { json = false, signal, onEvent, ...options }: OpenOptions & { json?: boolean } = {},
): Promise<DataSet> {
  const { openDataSet } = await import('../data/open.js')
  const progress = openProgress(json)
  try {
    return await openDataSet(path, {
      ...options,
      ...(signal && { signal }),
      ...(devkit !== undefined && { devkit }),
      ...(validation !== undefined && { validation }),
      ...(classMap !== undefined && { classMap }),
      remote: {
        ...(cache !== undefined && { cache }),
        ...(cacheLimit !== undefined && { cacheLimit: cacheLimit * 2 ** 30 }),
      },
      onEvent: (event) => {
        onEvent?.(event)
        if (event.type !== 'indexing') return
        const { done, total, unit } = event
        const text =
          unit === 'bytes' ? `${bytes(done)} of ${bytes(total)}` : `${count(done)} of ${count(total)} shards`
        progress.update('reading the index', done, total, text)
      },
    })
  } finally {
    progress.clear()
  }
}
