import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GoogLeNetError } from '../../errors.js'
import { writeFileAtomic } from '../../files.js'

/** The list of a packed folder's shards. */
export const manifestName = 'pack.json'

/** What decides the bytes of a pack: with the same settings packing goes on where it stopped. */
export interface PackSettings {
  shortSide: number
  quality: number
  samplesPerShard: number
  seed: number
  /** Pictures of the source in each part. */
  samples: { train: number; validation: number }
  /** MD5 over the names and labels of the source's samples. */
  fingerprint: string
}

export interface PackedShard {
  /** Of the tar file; its index is `<name>.samples`. */
  name: string
  bytes: number
  md5: string
  index: { bytes: number; md5: string }
  samples: number
  /** Pictures that could not be read. */
  skipped: { name: string; reason: string }[]
}

export type PackPart = 'train' | 'validation'
export const packParts: readonly PackPart[] = ['train', 'validation']

export interface PackManifest {
  format: 'googlenet-pack'
  version: 1
  /** Whether every shard is there. */
  complete: boolean
  classes: readonly string[]
  /** WordNet IDs of the classes, where the source has them. */
  synsets?: readonly string[]
  settings: PackSettings
  parts: Record<PackPart, PackedShard[]>
}

export const indexName = ({ name }: Pick<PackedShard, 'name'>): string => `${name}.samples`

/** The manifest of a folder; undefined when it has none. @throws ERR_GOOGLENET_DATA. */
export async function readManifest(folder: string): Promise<PackManifest | undefined> {
  const path = join(folder, manifestName)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new GoogLeNetError(
      'ERR_GOOGLENET_DATA',
      `${path}: it cannot be read (${(cause as Error).message})`,
      {
        cause,
      },
    )
  }
  return parseManifest(text, path)
}

export const writeManifest = (folder: string, manifest: PackManifest): Promise<void> =>
  writeFileAtomic(join(folder, manifestName), `${JSON.stringify(manifest, undefined, 1)}\n`)

/** @throws ERR_GOOGLENET_DATA naming `path`. */
export function parseManifest(text: string, path: string): PackManifest {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch {
    found = undefined
  }
  if (isManifest(found)) return found
  throw new GoogLeNetError(
    'ERR_GOOGLENET_DATA',
    `${path}: it is not the list of a pack of version 1; pack the pictures again`,
  )
}

function isManifest(found: unknown): found is PackManifest {
  const manifest = found as Partial<PackManifest> | null | undefined
  return (
    manifest?.format === 'googlenet-pack' &&
    manifest.version === 1 &&
    isNames(manifest.classes) &&
    (manifest.synsets === undefined || isNames(manifest.synsets)) &&
    typeof manifest.settings === 'object' &&
    packParts.every((part) => Array.isArray(manifest.parts?.[part]) && manifest.parts[part].every(isShard))
  )
}

const isNames = (found: unknown): boolean =>
  Array.isArray(found) && found.every((name) => typeof name === 'string')

/** The names are file names: what leads out of the folder is refused. */
function isShard(found: unknown): boolean {
  const shard = found as Partial<PackedShard> | null
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0
  return (
    /^[\w-]+\.tar$/.test(shard?.name ?? '') &&
    isCount(shard?.bytes) &&
    isCount(shard?.samples) &&
    isCount(shard?.index?.bytes) &&
    [shard?.md5, shard?.index?.md5].every((md5) => /^[0-9a-f]{32}$/.test(md5 ?? '')) &&
    Array.isArray(shard?.skipped)
  )
}
