import { access, mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { asGoogLeNetError, GoogLeNetError } from '../errors.js'
import { writeFileAtomic } from '../files.js'
import type { GoogLeNet, WeightsChoice } from '../network.js'
import type { StateDict } from '../tensors.js'
import { bestFile } from '../weights/modelFile.js'
import { listCheckpoints, nameCheckpoint, writeCheckpoint } from './checkpoint.js'
import type { TrainingState } from './state.js'

/** What a process that was killed while it wrote has left (see writeFileAtomic). */
const leftover = /^(checkpoint-\d+\.safetensors|best\.safetensors|history\.json)\.\d+-[0-9a-f]{8}\.tmp$/

/**
 * Where a training keeps what it came to: `checkpoint-<step>.safetensors`, the last few of them; `best.safetensors`,
 * weights that PyTorch loads too; `history.json`, the records of epochs and steps.
 */
export class RunFolder {
  private constructor(
    readonly path: string,
    readonly keep: number,
  ) {}

  get bestPath(): string {
    return join(this.path, bestFile)
  }

  /**
   * Makes the folder if need be. It must be empty of other trainings, whose checkpoints would be mixed up with
   * this one's.
   *
   * @param resumed path of the checkpoint that the training goes on from.
   * @throws ERR_GOOGLENET_IO, ERR_GOOGLENET_CHECKPOINT.
   */
  static async open(path: string, keep: number, resumed: string | undefined): Promise<RunFolder> {
    const folder = new RunFolder(path, keep)
    try {
      await makeFolder(path)
      const names = await readdir(path)
      for (const name of names.filter((one) => leftover.test(one)))
        await rm(join(path, name), { force: true })
      const own = resumed !== undefined && dirname(resolve(resumed)) === resolve(path)
      if (!own && (names.includes(bestFile) || (await listCheckpoints(path)).length > 0)) {
        throw new GoogLeNetError(
          'ERR_GOOGLENET_CHECKPOINT',
          `${path} holds a training already: go on with it (resume), name another folder, or remove it`,
        )
      }
    } catch (error) {
      throw asGoogLeNetError(error, 'ERR_GOOGLENET_IO', `cannot use ${path} as the run's folder`)
    }
    return folder
  }

  async holdsBest(): Promise<boolean> {
    return access(this.bestPath).then(
      () => true,
      () => false,
    )
  }

  /** @throws ERR_GOOGLENET_IO. */
  async writeHistory({ epochs, steps }: TrainingState): Promise<void> {
    await writeFileAtomic(join(this.path, 'history.json'), `${JSON.stringify({ epochs, steps })}\n`)
  }

  /**
   * Saves a checkpoint, and the weights that `best` names as the best ones.
   *
   * @returns the checkpoint's path.
   * @throws ERR_GOOGLENET_IO, ERR_GOOGLENET_DIVERGED when a weight is not finite; the older files are whole then.
   */
  async save(net: GoogLeNet, state: TrainingState, step: number, best?: WeightsChoice): Promise<string> {
    const path = join(this.path, nameCheckpoint(step))
    const snapshot = await net.snapshot()
    await checkFinite(snapshot.weights)
    if (best) await net.save(this.bestPath, { weights: best })
    await writeCheckpoint({ path, options: net.options, snapshot, state })
    await this.writeHistory(state)
    await this.#prune(step)
    return path
  }

  /** Older checkpoints, and later ones: a training that went back to an earlier checkpoint has left them behind. */
  async #prune(step: number): Promise<void> {
    const checkpoints = await listCheckpoints(this.path)
    const kept = new Set(checkpoints.filter((one) => one.step <= step).slice(-this.keep))
    try {
      for (const one of checkpoints) if (!kept.has(one)) await rm(one.path, { force: true })
    } catch (error) {
      throw asGoogLeNetError(error, 'ERR_GOOGLENET_IO', `cannot remove old checkpoints of ${this.path}`)
    }
  }
}

/** With the folders above it. (`mkdir`'s own `recursive` never returns on file systems that refuse with ENOENT.) */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    await makeFolder(dirname(path))
    await mkdir(path)
  }
}

async function checkFinite(weights: StateDict): Promise<void> {
  for (const [name, { data }] of weights) {
    if (!data.every(Number.isFinite)) {
      throw new GoogLeNetError(
        'ERR_GOOGLENET_DIVERGED',
        `${name} holds values that are not finite, so no checkpoint is written; lower the learning rate`,
      )
    }
    await setImmediate() // lets others have the event loop
  }
}
