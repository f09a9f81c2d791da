import type { MemoryReport, Network, PlanReport, ProfileReport, StepMetrics } from '../binding.js'
import { checkChoice, checkNumber } from './checks.js'
import { type ClassifyOptions, checkPictures, type PictureInput, type Prediction } from './classify.js'
import { KeptLoader } from './data/keptLoader.js'
import { classifyBy } from './ensemble.js'
import { asGoogLeNetError, GoogLeNetError } from './errors.js'
import { checkImages, checkLabels, type Images } from './images.js'
import { trace } from './models/shapes.js'
import { type Summary, summarize } from './models/summary.js'
import {
  createNetwork,
  findTensors,
  getTensors,
  setTensors,
  startNetwork,
  warnOnce,
} from './nativeNetwork.js'
import {
  type CheckedOptions,
  type CreateOptions,
  checkImageSize,
  checkModelOptions,
  checkRunOptions,
  defineNetwork,
  type ResolvedOptions,
  type RunOptions,
  stepsAtOnce,
} from './options.js'
import { CallQueue } from './queue.js'
import { checkStepOptions, type TrainStepOptions } from './steps.js'
import {
  checkProgress,
  checkStateDict,
  compareStateDict,
  type Snapshot,
  type StateDict,
  type Tensor,
} from './tensors.js'
import { checkVariant, optionsOfFile } from './weights/detect.js'
import { findModelFile, readModelFile, writeWeightsFile } from './weights/modelFile.js'

/** Which copy of the trained values: the weights, or their running average. */
export type WeightsChoice = 'weights' | 'average'

export interface ForwardOptions {
  /** `eval`, the default, uses BatchNorm's running statistics; `train` the batch's, and drops values. */
  mode?: 'eval' | 'train'
  weights?: WeightsChoice
  /** `main` leaves out what only the auxiliary heads need, in `eval` mode; `all` by default. */
  heads?: 'all' | 'main'
  /** Of these images, when it is not the network's own: its pools take any from 64 up. */
  imageSize?: number
  signal?: AbortSignal
}

/** Logits of each head, [n, classes]. */
export interface ForwardResult {
  logits: Tensor
  aux1?: Tensor
  aux2?: Tensor
}

/**
 * A GoogLeNet with its weights on a device. Its calls may overlap: they run one after another, in the order in
 * which they were made, off the main thread. An `AbortSignal` rejects a call that has not begun with
 * ERR_GOOGLENET_ABORTED; one that has begun comes to its end. Every method throws ERR_GOOGLENET_DISPOSED after
 * `dispose`.
 */
export class GoogLeNet {
  /** Every option, resolved. */
  readonly options: ResolvedOptions
  #native: Network
  /** The other sizes of images that the native network takes, or is being made to take. */
  readonly #sizes = new Map<number, Promise<void>>()
  readonly #loader: KeptLoader
  #disposed = false
  readonly #queue = new CallQueue()
  /** Of every tensor of a state dict. */
  readonly #parameters: { name: string; shape: readonly number[]; trainable: boolean }[]

  private constructor(options: ResolvedOptions, native: Network) {
    this.options = Object.freeze(options)
    this.#native = native
    this.#loader = new KeptLoader(options.channels, options.threads)
    this.#parameters = trace(defineNetwork(options)).flatMap(({ parameters }) => parameters)
  }

  /**
   * A network with initial weights as its variant's source has them (`seed`: PyTorch's), drawn from the seed.
   *
   * @throws ERR_GOOGLENET_OPTION, ERR_GOOGLENET_DEVICE, ERR_GOOGLENET_PRECISION, ERR_GOOGLENET_MEMORY.
   */
  static async create(options: CreateOptions = {}): Promise<GoogLeNet> {
    return GoogLeNet.#start({ ...checkModelOptions(options), ...checkRunOptions(options) })
  }

  /**
   * The network of a file written by `save`, or of a checkpoint with all of its training state: a file, or a
   * run's folder, whose best weights are taken. What the network is comes from the file. Of a state dict from
   * elsewhere (torchvision's, Caffe's, the listing's) it comes from names and shapes: classes have numbers as labels
   * then, and images the usual size.
   *
   * @throws ERR_GOOGLENET_WEIGHTS_FORMAT and the others of `create` and `load`.
   */
  static async open(path: string, options: RunOptions = {}): Promise<GoogLeNet> {
    const runOptions = checkRunOptions(options)
    const file = await readModelFile(await findModelFile(path))
    const net = await GoogLeNet.#start({ ...optionsOfFile(path, file), ...runOptions })
    try {
      if (file.kind === 'checkpoint') await net.restore(file.snapshot)
      else await net.loadStateDict(file.weights)
      return net
    } catch (error) {
      net.dispose()
      throw error
    }
  }

  static async #start(checked: CheckedOptions): Promise<GoogLeNet> {
    const { native, options } = await startNetwork(checked)
    return new GoogLeNet(options, native)
  }

  /**
   * The heads' logits for a batch. In `train` mode the running statistics move.
   *
   * @throws ERR_GOOGLENET_DTYPE, ERR_GOOGLENET_SHAPE, ERR_GOOGLENET_OPTION, ERR_GOOGLENET_ABORTED.
   */
  async forward(images: Images, options: ForwardOptions = {}): Promise<ForwardResult> {
    this.#checkUsable()
    return this.#forward(images, options)
  }

  async #forward(images: Images, options: ForwardOptions): Promise<ForwardResult> {
    const imageSize = checkImageSize(options.imageSize ?? this.options.imageSize)
    const batch = checkImages(images, { channels: this.options.channels, imageSize })
    const mode = checkChoice('mode', options.mode ?? 'eval', ['eval', 'train'])
    const weights = checkWeights(options.weights)
    const heads = checkChoice('heads', options.heads ?? 'all', ['all', 'main'])
    const outputs = await this.#run(
      'forward',
      (native) => this.#sized(native, imageSize, () => native.forward(batch, { mode, weights, heads })),
      options.signal,
      this.#atOnce(imageSize),
    )
    const shape = [batch.shape[0], this.options.classes]
    const [logits, aux1, aux2] = outputs.map((data): Tensor => ({ shape, data }))
    return { logits: logits!, ...(aux1 && { aux1 }), ...(aux2 && { aux2 }) }
  }

  /**
   * One step of training: forward, loss (main + 0.3 of each auxiliary head's cross-entropy), backward, update.
   * A loss that is not finite is returned as it is: the weights have been updated by then, so go back to a
   * snapshot or a checkpoint (`train` stops with ERR_GOOGLENET_DIVERGED).
   *
   * @throws ERR_GOOGLENET_DTYPE, ERR_GOOGLENET_SHAPE, ERR_GOOGLENET_LABEL, ERR_GOOGLENET_OPTION (also for a
   * network with one class: there is nothing to learn), ERR_GOOGLENET_ABORTED.
   */
  async trainStep(images: Images, labels: Int32Array, options: TrainStepOptions): Promise<StepMetrics> {
    const { classes } = this.options
    this.#checkTrainable()
    const step = checkStepOptions(options)
    const imageSize = checkImageSize(options.imageSize ?? this.options.imageSize)
    const batch = checkImages(images, { channels: this.options.channels, imageSize })
    checkLabels(labels, batch.shape[0], classes)
    const call = (native: Network) =>
      this.#sized(native, imageSize, () => native.trainStep(batch, labels, step))
    return this.#call('trainStep', call, options.signal, this.#atOnce(imageSize))
  }

  /** Of the last training step (of the batches accumulated so far), by parameter name. */
  async gradients(): Promise<StateDict> {
    return this.#call('gradients', (native) => getTensors(native, 'gradients'))
  }

  /** A copy of the weights and running statistics, or of their running average. */
  async stateDict(options: { weights?: WeightsChoice } = {}): Promise<StateDict> {
    const weights = checkWeights(options.weights)
    return this.#call('stateDict', (native) => getTensors(native, weights))
  }

  /**
   * Takes over the values of a state dict; momentum and average stay. Nothing changes when it is refused.
   * `num_batches_tracked` is neither needed nor used.
   *
   * @throws ERR_GOOGLENET_SHAPE, ERR_GOOGLENET_DTYPE, and when `strict` (the default) for names that do not
   * match: ERR_GOOGLENET_WEIGHTS_MISSING, ERR_GOOGLENET_WEIGHTS_UNEXPECTED.
   */
  async loadStateDict(
    dict: StateDict,
    options: { strict?: boolean } = {},
  ): Promise<{ missing: string[]; unexpected: string[] }> {
    this.#checkUsable()
    return this.#loadStateDict(dict, options)
  }

  async #loadStateDict(dict: StateDict, { strict = true }: { strict?: boolean } = {}) {
    const names = strict ? checkStateDict(dict, this.#parameters) : compareStateDict(dict, this.#parameters)
    await this.#run('loadStateDict', (native) => setTensors(native, 'weights', dict, this.#parameters))
    return names
  }

  /**
   * Loads the weights of a safetensors file: `save`'s, PyTorch's or a checkpoint's; for the variants `torchvision` and
   * `paper` also files with the names of their sources (`conv1.conv.weight`, `conv1/7x7_s2_w_0`). Of these the
   * auxiliary heads may be absent, which then stay as they are, or be there without use: `missing` and `unexpected`
   * name them. Otherwise throws as `loadStateDict`, and for a file of another variant
   * ERR_GOOGLENET_WEIGHTS_UNEXPECTED.
   */
  async load(
    path: string,
    options: { strict?: boolean } = {},
  ): Promise<{ missing: string[]; unexpected: string[] }> {
    this.#checkUsable()
    return this.#queue.during(() => this.#load(path, options))
  }

  async #load(path: string, { strict = true }: { strict?: boolean }) {
    const file = await readModelFile(await findModelFile(path))
    const weights = file.kind === 'checkpoint' ? file.snapshot.weights : file.weights
    if (!strict) return this.#loadStateDict(weights, { strict })
    checkVariant(path, weights, this.options.variant)
    if (file.kind === 'checkpoint' || !file.source) return this.#loadStateDict(weights)
    checkStateDict(weights, this.#parameters, { optional: isAuxiliary })
    return this.#loadStateDict(weights, { strict: false })
  }

  /**
   * Writes the weights as a safetensors file that PyTorch loads strictly and `open` opens. With `names: 'source'` the
   * tensors are called as where the variant comes from: torchvision's googlenet loads the file, or Caffe's names.
   *
   * @throws ERR_GOOGLENET_IO; what was at `path` stays then.
   */
  async save(
    path: string,
    options: { weights?: WeightsChoice; names?: 'own' | 'source' } = {},
  ): Promise<void> {
    const choice = checkWeights(options.weights)
    const names = checkChoice('names', options.names ?? 'own', ['own', 'source'])
    const file = await this.#call('save', async (native) => ({
      options: this.options,
      weights: await getTensors(native, choice),
      batches: native.getCounters().batches,
      names,
    }))
    await writeWeightsFile(path, file)
  }

  /** All of the training state. Take it between two updates: half-accumulated gradients are not part of it. */
  async snapshot(): Promise<Snapshot> {
    return this.#call('snapshot', async (native) => {
      const momentum = await findTensors(native, 'momentum')
      const average = await findTensors(native, 'average')
      const lossScale = await native.getLossScale()
      return {
        weights: await getTensors(native, 'weights'),
        ...(momentum.size > 0 && { momentum }),
        ...(average.size > 0 && { average }),
        counters: native.getCounters(),
        ...(lossScale && { lossScale }),
      }
    })
  }

  /**
   * Puts the network into the state of a snapshot, whatever it went through since: training goes on from there
   * with the same bits.
   *
   * @throws as `loadStateDict`; nothing changes then.
   */
  async restore(snapshot: Snapshot): Promise<void> {
    const trainable = this.#parameters.filter((parameter) => parameter.trainable)
    checkStateDict(snapshot.weights, this.#parameters)
    if (snapshot.momentum) checkStateDict(snapshot.momentum, trainable)
    if (snapshot.average) checkStateDict(snapshot.average, this.#parameters)
    checkProgress(snapshot)
    await this.#call('restore', async () => {
      const { momentum, average } = this.#native.memory()
      // Only a network that has not trained yet is without momentum and average.
      if ((momentum > 0 && !snapshot.momentum) || (average > 0 && !snapshot.average)) {
        const fresh = await createNetwork(this.options)
        this.#native.dispose()
        this.#native = fresh
        this.#sizes.clear()
      }
      for (const set of ['weights', 'momentum', 'average'] as const) {
        const dict = snapshot[set]
        if (dict) await setTensors(this.#native, set, dict, this.#parameters)
      }
      if (snapshot.lossScale) await this.#native.setLossScale(snapshot.lossScale)
      this.#native.setCounters(snapshot.counters)
    })
  }

  /**
   * What pictures show: the most probable classes of each, most probable first. For many pictures with labels,
   * `evaluate` is the better tool.
   *
   * @throws ERR_GOOGLENET_PICTURE naming a picture that cannot be read; ERR_GOOGLENET_OPTION.
   */
  classify(input: PictureInput, options?: ClassifyOptions): Promise<Prediction[]>
  classify(input: readonly PictureInput[], options?: ClassifyOptions): Promise<Prediction[][]>
  async classify(
    input: PictureInput | readonly PictureInput[],
    options: ClassifyOptions = {},
  ): Promise<Prediction[] | Prediction[][]> {
    const pictures = typeof input === 'string' || input instanceof Uint8Array ? [input] : input
    checkPictures(pictures)
    this.#checkUsable()
    const judge = { options: this.options, forward: this.#forward.bind(this) }
    const predictions = await this.#queue.during(() =>
      this.#loader.use(options, (loader) => classifyBy([judge], loader, pictures, options)),
    )
    return pictures === input ? predictions : predictions[0]!
  }

  /** Every layer's output shape, parameters and multiply-accumulates. */
  summary(): Summary {
    return summarize(this.options)
  }

  /** Bytes of native memory, by use. */
  memory(): MemoryReport {
    this.#checkUsable()
    return this.#native.memory()
  }

  /** The compiled schedule for a batch of that many images: its operations, and where its buffers lie. */
  async plan(batch: number, mode: 'eval' | 'train'): Promise<PlanReport> {
    checkNumber('batch', batch, { min: 1, max: 65535, whole: true })
    checkChoice('mode', mode, ['eval', 'train'])
    return this.#call('plan', (native) => native.plan(batch, mode))
  }

  /**
   * How long each step of a plan takes, in a training step or in a forward pass of the main head, on images of noise:
   * medians of `repeat` runs, 10 by default. The network stays as it is.
   *
   * @throws ERR_GOOGLENET_OPTION, ERR_GOOGLENET_MEMORY.
   */
  async profile(options: { batch: number; mode: 'eval' | 'train'; repeat?: number }): Promise<ProfileReport> {
    const batch = checkNumber('batch', options.batch, { min: 1, max: 65535, whole: true })
    const mode = checkChoice('mode', options.mode, ['eval', 'train'])
    const repeat = checkNumber('repeat', options.repeat ?? 10, { min: 1, max: 65535, whole: true })
    if (mode === 'train') this.#checkTrainable()
    return this.#call('profile', (native) => native.profile({ batch, mode, repeat }))
  }

  /** Frees the native memory once the calls made so far have settled. Does nothing the second time. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    void this.#queue.close(() => {
      this.#loader.dispose()
      this.#native.dispose()
    })
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #checkTrainable(): void {
    if (this.options.classes >= 2) return
    throw new GoogLeNetError('ERR_GOOGLENET_OPTION', 'training needs at least 2 classes, the network has 1')
  }

  #checkUsable(): void {
    if (!this.#disposed) return
    throw new GoogLeNetError(
      'ERR_GOOGLENET_DISPOSED',
      'the network has been disposed of; create or open another',
    )
  }

  /** A size's first call runs alone: none may overtake it while the native network is made to take that size. */
  #atOnce(imageSize: number): number {
    const isKnown = imageSize === this.options.imageSize || this.#sizes.has(imageSize)
    return isKnown ? stepsAtOnce(this.options.device) : 1
  }

  /** Makes the native network take images of a size, then calls. Calls of one size begin in their order. */
  async #sized<T>(native: Network, imageSize: number, call: () => Promise<T>): Promise<T> {
    if (imageSize === this.options.imageSize) return call()
    let taken = this.#sizes.get(imageSize)
    if (taken === undefined) {
      taken = native.addInput(defineNetwork({ ...this.options, imageSize }))
      this.#sizes.set(imageSize, taken)
    }
    await taken
    return call()
  }

  async #call<T>(
    doing: string,
    call: (native: Network) => Promise<T>,
    signal?: AbortSignal,
    atOnce = 1,
  ): Promise<T> {
    this.#checkUsable()
    return this.#run(doing, call, signal, atOnce)
  }

  async #run<T>(
    doing: string,
    call: (native: Network) => Promise<T>,
    signal?: AbortSignal,
    atOnce = 1,
  ): Promise<T> {
    try {
      return await this.#queue.run(() => this.#tell(call), signal, atOnce)
    } catch (error) {
      throw asGoogLeNetError(error, 'ERR_GOOGLENET_NATIVE', doing)
    }
  }

  /** Calls, and warns of what the native network found out meanwhile. */
  async #tell<T>(call: (native: Network) => Promise<T>): Promise<T> {
    const result = await call(this.#native)
    warnOnce(this.#native.notice)
    return result
  }
}

/** Whether a tensor belongs to one of the auxiliary heads. */
const isAuxiliary = (name: string): boolean => name.startsWith('aux_fc')

function checkWeights(weights: WeightsChoice | undefined): WeightsChoice {
  return checkChoice('weights', weights ?? 'weights', ['weights', 'average'])
}
