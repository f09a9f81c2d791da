import { readFileSync } from 'node:fs'
import { memoryBytes } from '../../../lib/data/byteSource.js'
import { readPictures, readTable } from '../../../lib/data/shards/parquetFile.js'
import { check, readOrRefused } from './checks.js'

/** Any bytes as a parquet file of pictures. */
export async function fuzz(input: Buffer): Promise<boolean> {
  const source = memoryBytes(input)
  const table = await readOrRefused(() => readTable(source, 'fuzzed'))
  if (table === undefined) return false
  const { classes, groups } = table
  check(
    classes.every((name) => typeof name === 'string' && name !== ''),
    'each row has a class',
  )
  const rows = groups.reduce((sum, count) => sum + count, 0)
  check(rows === classes.length, 'row groups hold the rows')
  const pictures = await readOrRefused(() => readPictures(source, 'fuzzed', table, { begin: 0, end: rows }))
  check(pictures?.every((picture) => picture instanceof Uint8Array) ?? true, 'pictures are bytes')
  return pictures !== undefined
}

export function seeds(): Buffer[] {
  return ['texts', 'train-00000-of-00002', 'validation-00000-of-00001'].map((name) =>
    readFileSync(`test/data/shards/fixtures/${name}.parquet`),
  )
}
