import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { shown } from '../checks.js'
import { GoogLeNetError } from '../errors.js'
import type { GoogLeNet } from '../network.js'
import type { ModelOptions } from '../options.js'
import type { Snapshot } from '../tensors.js'
import { readModelFile, writeCheckpointFile } from '../weights/modelFile.js'
import type { MetricSums } from './metrics.js'
import type { Setup, TrainingState } from './state.js'

/** A checkpoint file. */
export interface Checkpoint {
  path: string
  options: ModelOptions
  snapshot: Snapshot
  state: TrainingState
}

const version = 1
const checkpointName = /^checkpoint-(\d{8,})\.safetensors$/

/** File name of the checkpoint after that many updates. */
export function nameCheckpoint(step: number): string {
  return `checkpoint-${String(step).padStart(8, '0')}.safetensors`
}

/** The checkpoints of a run's folder, oldest first; none when there is no such folder. */
export async function listCheckpoints(folder: string): Promise<{ path: string; step: number }[]> {
  const names = await readdir(folder).catch(() => [])
  return names
    .flatMap((name) => {
      const found = checkpointName.exec(name)
      return found ? [{ path: join(folder, name), step: Number(found[1]) }] : []
    })
    .sort((a, b) => a.step - b.step)
}

/** @throws ERR_GOOGLENET_IO; what was at the path stays then. */
export async function writeCheckpoint({ path, options, snapshot, state }: Checkpoint): Promise<void> {
  await writeCheckpointFile(path, { options, snapshot, training: { version, ...state } })
}

/**
 * @throws ERR_GOOGLENET_WEIGHTS_FORMAT for a damaged file; ERR_GOOGLENET_CHECKPOINT for a file that is whole but no
 * checkpoint, or of a version that is not known here.
 */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const file = await readModelFile(path)
  if (file.kind !== 'checkpoint') {
    throw refusal(path, 'it holds weights alone; begin a new training with them (net.load)')
  }
  const { options, snapshot, training } = file
  const { version: found, ...state } = (training ?? {}) as { version?: unknown } & TrainingState
  if (found !== version) {
    throw refusal(
      path,
      `its version is ${shown(found)}, this version of the package knows ${version}; ` +
        'go on with the version of the package that wrote it',
    )
  }
  if (!isState(state)) throw refusal(path, 'what it says of the training is damaged')
  return { path, options, snapshot, state }
}

/** A checkpoint to go on from, and the newer ones of its folder that are damaged. */
export interface FoundCheckpoint {
  checkpoint: Checkpoint
  passedOver: { path: string; reason: string }[]
}

/**
 * The checkpoint that a path stands for: a file itself; of a run's folder the newest that can be read.
 *
 * @throws ERR_GOOGLENET_CHECKPOINT when there is none.
 */
export async function findCheckpoint(path: string): Promise<FoundCheckpoint> {
  const status = await stat(path).catch(() => undefined)
  const folder = status?.isDirectory() === true
  const paths = folder ? (await listCheckpoints(path)).map((one) => one.path) : [path]
  if (paths.length === 0) throw refusal(path, 'the folder holds no checkpoint; begin a new training')
  const passedOver: FoundCheckpoint['passedOver'] = []
  for (const candidate of paths.reverse()) {
    try {
      return { checkpoint: await readCheckpoint(candidate), passedOver }
    } catch (error) {
      const { code, message } = error as GoogLeNetError
      if (code !== 'ERR_GOOGLENET_WEIGHTS_FORMAT') throw error
      passedOver.push({ path: candidate, reason: message })
    }
  }
  throw refusal(path, passedOver.map(({ reason }) => reason).join('; '))
}

/** Path of the newest readable checkpoint of a run's folder. @throws ERR_GOOGLENET_CHECKPOINT when there is none. */
export async function lastCheckpoint(folder: string): Promise<string> {
  return (await findCheckpoint(folder)).checkpoint.path
}

/** @throws ERR_GOOGLENET_CHECKPOINT naming all in which the checkpoint differs from the training that is to go on. */
export function checkSameTraining({ path, options, state }: Checkpoint, net: GoogLeNet, setup: Setup): void {
  const differences: string[] = []
  const compare = (what: string, there: unknown, here: unknown) => {
    const [one, other] = [JSON.stringify(there), JSON.stringify(here)]
    if (one !== other) differences.push(`${what} ${brief(one)} there, ${brief(other)} here`)
  }
  const { labels, ...figures } = options
  for (const name of Object.keys(figures) as (keyof typeof figures)[]) {
    compare(`the network's ${name}`, options[name], net.options[name])
  }
  compare("the network's labels", labels, net.options.labels)
  compare('batchSize', state.setup.batchSize, setup.batchSize)
  compare('accumulate', state.setup.accumulate, setup.accumulate)
  compare('seed', state.setup.seed, setup.seed)
  compare('the number of training pictures', state.setup.samples, setup.samples)
  compare('the classes', state.setup.classes, setup.classes)
  if (differences.length === 0) return
  throw refusal(
    path,
    `it is of another training: ${differences.join('; ')}. Go on with what it was made with, ` +
      'or begin a new training with its weights (net.load)',
  )
}

function brief(json: string): string {
  return json.length > 80 ? `${json.slice(0, 77)}...` : json
}

function isState(state: TrainingState): boolean {
  const whole = (...values: unknown[]) =>
    values.every((value) => Number.isSafeInteger(value) && Number(value) >= 0)
  const sums = (found: MetricSums) =>
    whole(found?.samples, found?.top1, found?.top5) &&
    Number.isFinite(found.loss) &&
    Array.isArray(found.headLosses)
  return (
    whole(state.epoch, state.position, state.skipped) &&
    Number.isFinite(state.seconds) &&
    sums(state.reportSums) &&
    sums(state.epochSums) &&
    state.setup instanceof Object &&
    Array.isArray(state.epochs) &&
    Array.isArray(state.steps) &&
    (state.best === undefined || whole(state.best.epoch))
  )
}

function refusal(path: string, what: string): GoogLeNetError {
  return new GoogLeNetError('ERR_GOOGLENET_CHECKPOINT', `cannot go on from ${path}: ${what}`)
}
