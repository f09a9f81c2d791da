import { createHash } from 'node:crypto'
import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Packer } from '../../../binding.js'
import { checkNumber } from '../../checks.js'
import { asGoogLeNetError, GoogLeNetError } from '../../errors.js'
import { removeLeftovers } from '../../files.js'
import { binding } from '../../native.js'
import { checkNotAborted } from '../../queue.js'
import { epochOrder, nothingReadable } from '../batches.js'
import type { DataSet } from '../source.js'
import {
  indexName,
  type PackedShard,
  type PackManifest,
  type PackPart,
  type PackSettings,
  packParts,
  readManifest,
  writeManifest,
} from './manifest.js'
import { type ShardPlan, writeShard } from './packShard.js'
import type { ClassNames } from './shardSource.js'

export interface PackOptions {
  /** Pixels of the shorter side, at most; 0 keeps every size. 320 by default. */
  shortSide?: number
  /** Of the JPEGs that are made anew, 1 to 100; 90 by default. */
  quality?: number
  /** 4096 by default: about 100 MB at the default size. */
  samplesPerShard?: number
  /** Decides the order of the training samples over all shards; 0 by default. */
  seed?: number
  /** 0, the default, means every core that the process may use. */
  threads?: number
  onProgress?: (progress: PackProgress) => void
  signal?: AbortSignal
}

export interface PackProgress {
  /** Pictures dealt with in this call, of those that this call has to do. */
  done: number
  samples: number
  /** Bytes of finished shards, all calls together. */
  bytes: number
  skipped: number
}

export interface PackReport {
  out: string
  classes: number
  parts: Record<PackPart, { samples: number; shards: number }>
  bytes: number
  /** Shards that were there from an earlier call. */
  reused: number
  /** Pictures that could not be read, after what the source itself leaves out. */
  skipped: { name: string; reason: string }[]
  seconds: number
}

/**
 * Writes a data set as tars of JPEGs (WebDataset: `<key>.jpg` beside `<key>.cls`) with an index beside each, the form
 * that is read fastest. The training samples are mixed over all shards. Each shard appears whole or not at all; a
 * call that was broken off goes on with the first shard that is missing.
 *
 * @throws ERR_GOOGLENET_OPTION, also for a folder that holds something else; ERR_GOOGLENET_IO; ERR_GOOGLENET_DATA
 * when no picture can be read; ERR_GOOGLENET_ABORTED.
 */
export async function pack(data: DataSet, out: string, options: PackOptions = {}): Promise<PackReport> {
  const started = performance.now()
  const settings = await checkSettings(data, options)
  const threads = checkNumber('threads', options.threads ?? 0, { min: 0, max: 1024, whole: true })
  const manifest = await openManifest(out, data.train, settings)
  const missing = packParts.flatMap((part) => missingShards(data, part, manifest))
  const samples = missing.reduce((sum, { positions }) => sum + positions.end - positions.begin, 0)
  const reused = packParts.reduce((sum, part) => sum + manifest.parts[part].length, 0)
  let done = 0
  const packer = openPacker(threads)
  try {
    for (const shard of missing) {
      const written = await writeShard(packer, out, shard, settings, options.signal, (count, skipped) => {
        done += count
        const { bytes, skipped: before } = totals(manifest)
        options.onProgress?.({ done, samples, bytes, skipped: before.length + skipped })
      })
      manifest.parts[shard.part].push(written)
      await writeManifest(out, manifest)
    }
  } finally {
    packer.dispose()
  }
  const { bytes, skipped } = totals(manifest)
  const [first] = skipped
  if (first && skipped.length === data.train.length + data.validation.length) {
    throw nothingReadable(skipped.length, first)
  }
  if (!manifest.complete) await writeManifest(out, { ...manifest, complete: true })
  const part = (name: PackPart) => ({
    samples: manifest.parts[name].reduce((sum, shard) => sum + shard.samples, 0),
    shards: manifest.parts[name].length,
  })
  return {
    out,
    classes: data.classes.length,
    parts: { train: part('train'), validation: part('validation') },
    bytes,
    reused,
    skipped: [...(data.skipped ?? []), ...skipped],
    seconds: (performance.now() - started) / 1000,
  }
}

async function checkSettings(data: DataSet, options: PackOptions): Promise<PackSettings> {
  return {
    shortSide: checkNumber('shortSide', options.shortSide ?? 320, { min: 0, max: 16384, whole: true }),
    quality: checkNumber('quality', options.quality ?? 90, { min: 1, max: 100, whole: true }),
    samplesPerShard: checkNumber('samplesPerShard', options.samplesPerShard ?? 4096, {
      min: 1,
      max: 2 ** 24,
      whole: true,
    }),
    seed: checkNumber('seed', options.seed ?? 0, { min: 0, whole: true }),
    samples: { train: data.train.length, validation: data.validation.length },
    fingerprint: await fingerprint(data, options.signal),
  }
}

async function fingerprint(data: DataSet, signal: AbortSignal | undefined): Promise<string> {
  const digest = createHash('md5')
  for (const part of packParts) {
    for (let index = 0; index < data[part].length; index++) {
      if (index % 1000 === 0) await setImmediate() // others have work for the event loop too
      checkNotAborted(signal)
      const { name, label } = data[part].sample(index)
      digest.update(`${part}\0${label}\0${name}\0`)
    }
  }
  return digest.digest('hex')
}

/** The manifest of the pack as far as it is there. */
async function openManifest(
  out: string,
  { classes, synsets }: ClassNames,
  settings: PackSettings,
): Promise<PackManifest> {
  try {
    await mkdir(out, { recursive: true })
    await removeLeftovers(out)
  } catch (error) {
    throw asGoogLeNetError(error, 'ERR_GOOGLENET_IO', `cannot write into ${out}`)
  }
  const fresh: PackManifest = {
    format: 'googlenet-pack',
    version: 1,
    complete: false,
    classes,
    ...(synsets && { synsets }),
    settings,
    parts: { train: [], validation: [] },
  }
  const found = await readManifest(out)
  if (found === undefined) {
    if ((await readdir(out)).length === 0) return fresh
    throw new GoogLeNetError(
      'ERR_GOOGLENET_OPTION',
      `${out} holds something else; name a folder that is empty`,
    )
  }
  const same = (one: PackManifest) => JSON.stringify([one.classes, one.synsets, one.settings])
  if (same(found) !== same(fresh)) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_OPTION',
      `${out} holds a pack of other pictures or with other settings; name another folder, or remove it`,
    )
  }
  for (const part of packParts) found.parts[part] = await wholeShards(out, found.parts[part])
  return found
}

/** The shards up to the first that is not as it was written. */
async function wholeShards(out: string, shards: readonly PackedShard[]): Promise<PackedShard[]> {
  const size = async (name: string) => (await stat(join(out, name)).catch(() => undefined))?.size
  for (const [place, shard] of shards.entries()) {
    const whole =
      (await size(shard.name)) === shard.bytes && (await size(indexName(shard))) === shard.index.bytes
    if (!whole) return shards.slice(0, place)
  }
  return [...shards]
}

const totals = ({ parts }: PackManifest) => {
  const shards = packParts.flatMap((part) => parts[part])
  return {
    bytes: shards.reduce((sum, { bytes }) => sum + bytes, 0),
    skipped: shards.flatMap(({ skipped }) => skipped),
  }
}

function missingShards(data: DataSet, part: PackPart, { parts, settings }: PackManifest): ShardPlan[] {
  const source = data[part]
  const { samplesPerShard, seed } = settings
  // Evaluated from the first to the last, validation keeps its order; training must never be sorted by class.
  const order =
    part === 'validation' ? { at: (position: number) => position } : epochOrder(source, { seed, epoch: 0 })
  const count = Math.ceil(source.length / samplesPerShard)
  return Array.from({ length: count }, (_, place) => ({
    part,
    name: `${part}-${String(place).padStart(6, '0')}.tar`,
    source,
    order,
    positions: {
      begin: place * samplesPerShard,
      end: Math.min((place + 1) * samplesPerShard, source.length),
    },
  })).slice(parts[part].length)
}

function openPacker(threads: number): Packer {
  try {
    return new binding.Packer({ threads })
  } catch (error) {
    throw asGoogLeNetError(error, 'ERR_GOOGLENET_NATIVE', 'cannot start the packer')
  }
}
