import type { Loader, StepMetrics } from '../../binding.js'
import { type Batch, batches, trainedSamples } from '../data/batches.js'
import { checkPictureChannels, openLoader } from '../data/loader.js'
import type { DataSet } from '../data/source.js'
import { GoogLeNetError } from '../errors.js'
import type { GoogLeNet, WeightsChoice } from '../network.js'
import { stepsAtOnce } from '../options.js'
import { checkSameTraining, type FoundCheckpoint, findCheckpoint } from './checkpoint.js'
import { type EvaluationReport, evaluateInParts } from './evaluate.js'
import type { EpochRecord, TrainEvent } from './events.js'
import { addBatch, averages, noSums, Speed } from './metrics.js'
import { type CheckedTrainOptions, checkTrainOptions, imageSizeAt, type TrainOptions } from './options.js'
import { RunFolder } from './runFolder.js'
import { learningRateAt } from './schedules.js'
import { beginEpoch, beginTraining, isBetter, isKept, type TrainingState } from './state.js'

export type { TrainOptions } from './options.js'

type Events<T = void> = AsyncGenerator<TrainEvent, T, undefined>

/** Of an image, beside training on it: a forward pass without the backward pass, which costs twice as much. */
const validationCost = 1 / 3

/**
 * Trains a network on pictures, telling what happens. The training goes on as the events are read; whoever stops
 * reading ends it where it is, and an AbortSignal ends it with a checkpoint. With one seed, on the CPU of one
 * machine, the bits of the result are the same whether it was stopped and resumed or not.
 *
 * @throws ERR_GOOGLENET_OPTION, and ERR_GOOGLENET_DATA for data that is not the network's, at once. While it runs:
 * ERR_GOOGLENET_PICTURE (`onError: 'throw'`), ERR_GOOGLENET_DATA (nothing could be read) and ERR_GOOGLENET_IO of the
 * data (a server that no longer answers), which save a checkpoint of what was learnt so far; ERR_GOOGLENET_DIVERGED,
 * ERR_GOOGLENET_IO of the checkpoints and ERR_GOOGLENET_CHECKPOINT, which leave the checkpoints as they are.
 */
export function train(net: GoogLeNet, data: DataSet, options: TrainOptions = {}): Events {
  return new Training(net, data, checkTrainOptions(net, data, options)).run()
}

/** A step of training: its batches, those of them with pictures, and what gives the metrics of these. */
interface BegunStep {
  group: readonly Batch[]
  readable: readonly Batch[]
  metrics: readonly (() => Promise<StepMetrics>)[]
}

/** Calls at once, and gives what was made when it is asked for. */
function start<T>(make: () => Promise<T>): () => Promise<T> {
  const made = make()
  made.catch(() => {}) // nobody asks when the events are no longer read
  return () => made
}

class Training {
  readonly #net: GoogLeNet
  readonly #data: DataSet
  readonly #options: CheckedTrainOptions
  /** Samples of an epoch that are trained on. */
  readonly #samples: number
  readonly #stepsPerEpoch: number
  readonly #stepsAtOnce: number
  #state: TrainingState
  #folder: RunFolder | undefined
  readonly #speed = new Speed()
  readonly #told = new Set<string>()
  #lastStepEnded = 0
  /** Pictures of the epoch under way that a GPU decoded. */
  #onGpu = 0
  /** Still true when that has failed. */
  #isSaving = false

  constructor(net: GoogLeNet, data: DataSet, options: CheckedTrainOptions) {
    const { batchSize, accumulate, seed } = options
    this.#net = net
    this.#data = data
    this.#options = options
    this.#samples = trainedSamples(data.train.length, batchSize)
    this.#stepsPerEpoch = Math.ceil(this.#samples / (batchSize * accumulate))
    this.#stepsAtOnce = stepsAtOnce(net.options.device)
    const setup = { batchSize, accumulate, seed, samples: data.train.length, classes: data.classes }
    this.#state = beginTraining(setup)
  }

  async *run(): Events {
    const { resume, checkpoint, keep, loaderThreads } = this.#options
    const resumed = resume === undefined ? undefined : await this.#resume(resume)
    if (checkpoint !== undefined) {
      this.#folder = await RunFolder.open(checkpoint, keep, resumed?.checkpoint.path)
      // Of a training that goes on in another folder: the best of it is the best of what comes.
      if (!(await this.#folder.holdsBest())) delete this.#state.best
      await this.#folder.writeHistory(this.#state)
    }
    const loader = openLoader(checkPictureChannels(this.#net.options.channels), loaderThreads, this.#options)
    try {
      yield this.#startEvent(resumed)
      yield* this.#tell(this.#data.skipped ?? [])
      yield* this.#runEpochs(loader)
    } finally {
      loader.dispose()
    }
  }

  async #resume(path: string): Promise<FoundCheckpoint> {
    const found = await findCheckpoint(path)
    checkSameTraining(found.checkpoint, this.#net, this.#state.setup)
    await this.#net.restore(found.checkpoint.snapshot)
    this.#state = found.checkpoint.state
    return found
  }

  async *#runEpochs(loader: Loader): Events {
    try {
      while (this.#state.epoch < this.#options.epochs) yield* this.#runEpoch(loader)
    } catch (error) {
      if (!this.#isBetweenSteps(error)) throw error
      yield* this.#save()
      if (!this.#isAbort(error)) throw error
      yield this.#endEvent('aborted')
      return
    }
    yield this.#endEvent('done')
  }

  #isAbort(error: unknown): boolean {
    return (
      (error as GoogLeNetError).code === 'ERR_GOOGLENET_ABORTED' && this.#options.signal?.aborted === true
    )
  }

  /** Whether an error came while pictures were read or judged: then the state is whole, and worth keeping. */
  #isBetweenSteps(error: unknown): boolean {
    const { code } = error as GoogLeNetError
    return this.#isOfReading(error) && (code !== 'ERR_GOOGLENET_DATA' || this.#state.epochSums.samples > 0)
  }

  #isOfReading(error: unknown): boolean {
    const { code } = error as GoogLeNetError
    const isLost = code === 'ERR_GOOGLENET_IO' && !this.#isSaving // a server or a disk
    return code === 'ERR_GOOGLENET_DATA' || code === 'ERR_GOOGLENET_PICTURE' || isLost || this.#isAbort(error)
  }

  async *#runEpoch(loader: Loader): Events {
    const state = this.#state
    if (state.position < this.#samples) yield* this.#trainEpoch(loader)
    const began = performance.now()
    const report = this.#data.validation.length > 0 ? yield* this.#validate(loader) : undefined
    const record = this.#epochRecord(report, (performance.now() - began) / 1000)
    const better = isBetter(report, state.best)
    if (better && report) state.best = { epoch: record.epoch, top1: report.top1, loss: report.loss }
    state.epochs.push(record)
    beginEpoch(state, record.epoch + 1)
    const onGpu = this.#onGpu
    this.#onGpu = 0
    yield { type: 'epoch', ...record, ...(report && { report }), ...(onGpu > 0 && { onGpu }) }
    yield* this.#save(better)
  }

  async *#trainEpoch(loader: Loader): Events {
    const state = this.#state
    const {
      batchSize,
      accumulate,
      checkpointEvery = Number.POSITIVE_INFINITY,
      seed,
      augment,
      onError,
      signal,
    } = this.#options
    const { channels } = this.#net.options
    const imageSize = this.#imageSize
    const stream = batches(this.#data.train, {
      batchSize,
      imageSize,
      channels: checkPictureChannels(channels),
      training: { seed, epoch: state.epoch, augment },
      position: state.position,
      onError,
      loader,
      ...(signal && { signal }),
    })
    let group: Batch[] = []
    const underWay: BegunStep[] = []
    this.#lastStepEnded = performance.now()
    try {
      for await (const batch of stream) {
        group.push(batch)
        if (group.length < accumulate && batch.position < this.#samples) continue
        underWay.push(this.#beginStep(group, this.#steps + underWay.length))
        group = []
        // A checkpoint holds the state between two steps.
        const isDue = (this.#steps + underWay.length) % checkpointEvery === 0
        while (underWay.length > (isDue ? 0 : this.#stepsAtOnce - 1)) yield* this.#endStep(underWay.shift()!)
        if (isDue && state.position < this.#samples) yield* this.#save()
      }
    } catch (error) {
      if (this.#isOfReading(error)) for (const step of underWay) yield* this.#endStep(step)
      throw error
    }
    for (const step of underWay) yield* this.#endStep(step)
  }

  /** One update from a group of batches, the `number`-th since the training began. Not broken off by the signal. */
  #beginStep(group: readonly Batch[], number: number): BegunStep {
    const { momentum, weightDecay, nesterov, labelSmoothing } = this.#options
    const learningRate = this.#learningRate(number)
    const averageDecay = Math.min(this.#options.averageDecay, (1 + number) / (10 + number))
    const imageSize = this.#imageSize
    const options = { learningRate, momentum, weightDecay, nesterov, labelSmoothing, averageDecay, imageSize }
    const readable = group.filter(({ labels }) => labels.length > 0)
    const makers = readable.map(({ images, labels }, index) => () => {
      const accumulate = { index, count: readable.length }
      return this.#net.trainStep(images, labels, { ...options, accumulate })
    })
    return { group, readable, metrics: this.#stepsAtOnce > 1 ? makers.map(start) : makers }
  }

  async *#endStep({ group, readable, metrics }: BegunStep): Events {
    const state = this.#state
    let trained = 0
    for (const [index, { labels }] of readable.entries()) {
      const found = await metrics[index]!()
      if (!Number.isFinite(found.loss)) throw this.#diverged('loss', found.loss)
      addBatch(state.epochSums, found, labels.length)
      addBatch(state.reportSums, found, labels.length)
      trained += labels.length
    }
    state.position = group.at(-1)!.position
    state.skipped += group.reduce((sum, { skipped }) => sum + skipped.length, 0)
    this.#onGpu += group.reduce((sum, { onGpu }) => sum + onGpu, 0)
    const now = performance.now()
    const seconds = (now - this.#lastStepEnded) / 1000
    this.#lastStepEnded = now
    this.#speed.add(trained, seconds)
    state.seconds += seconds
    yield* this.#tell(group.flatMap(({ skipped }) => skipped))
    yield* this.#report()
  }

  *#tell(skipped: Readonly<Batch['skipped']>): Generator<TrainEvent> {
    for (const picture of skipped) {
      if (this.#told.has(picture.name)) continue
      this.#told.add(picture.name)
      yield { type: 'skipped', ...picture }
    }
  }

  *#report(): Generator<TrainEvent> {
    const state = this.#state
    const { reportEvery, epochs } = this.#options
    const due = this.#stepInEpoch % reportEvery === 0 || state.position === this.#samples
    if (!due || state.reportSums.samples === 0) return
    const record = {
      epoch: state.epoch,
      step: this.#steps,
      learningRate: this.#learningRate(this.#steps - 1),
      train: averages(state.reportSums),
      imagesPerSecond: this.#speed.imagesPerSecond,
    }
    state.reportSums = noSums()
    if (isKept(record.step, reportEvery, epochs * this.#stepsPerEpoch)) state.steps.push(record)
    yield {
      type: 'step',
      ...record,
      stepInEpoch: this.#stepInEpoch,
      stepsPerEpoch: this.#stepsPerEpoch,
      secondsLeft: this.#secondsLeft(),
    }
  }

  async *#validate(loader: Loader): Events<EvaluationReport> {
    const { validation } = this.#data
    const { batchSize, resize, onError, signal, reportEvery } = this.#options
    const parts = evaluateInParts(this.#net, validation, loader, {
      batchSize,
      weights: this.#weights,
      onError,
      ...(resize !== undefined && { resize }),
      ...(signal && { signal }),
    })
    let part = await parts.next()
    for (let batch = 1; !part.done; batch++) {
      if (batch % reportEvery === 0 || part.value === validation.length) {
        yield { type: 'validating', epoch: this.#state.epoch, done: part.value, samples: validation.length }
      }
      part = await parts.next()
    }
    yield* this.#tell(part.value.skipped)
    if (!Number.isFinite(part.value.loss)) throw this.#diverged('validation loss', part.value.loss)
    return part.value
  }

  #epochRecord(report: EvaluationReport | undefined, validationSeconds: number): EpochRecord {
    const { epoch, epochSums, skipped, seconds } = this.#state
    return {
      epoch,
      step: this.#steps,
      learningRate: this.#learningRate(this.#steps - 1),
      train: averages(epochSums),
      ...(report && {
        validation: { loss: report.loss, top1: report.top1, top5: report.top5, samples: report.samples },
      }),
      imagesPerSecond: epochSums.samples / seconds,
      seconds: seconds + validationSeconds,
      skipped: skipped + (report?.skipped.length ?? 0),
    }
  }

  async *#save(best = false): Events {
    if (this.#folder === undefined) return
    const [epoch, step] = [this.#state.epoch, this.#steps]
    this.#isSaving = true
    const path = await this.#folder.save(this.#net, this.#state, step, best ? this.#weights : undefined)
    this.#isSaving = false
    yield { type: 'checkpoint', path, epoch, step, best }
  }

  /** Which copy of the weights is judged. */
  get #weights(): WeightsChoice {
    return this.#options.averageDecay > 0 ? 'average' : 'weights'
  }

  /** Of the images of this epoch. */
  get #imageSize(): number {
    return imageSizeAt(this.#options.imageSize, this.#state.epoch, this.#net.options.imageSize)
  }

  get #stepInEpoch(): number {
    const { batchSize, accumulate } = this.#options
    return Math.ceil(this.#state.position / (batchSize * accumulate))
  }

  /** Made since the training began. */
  get #steps(): number {
    return this.#state.epoch * this.#stepsPerEpoch + this.#stepInEpoch
  }

  #learningRate(step: number): number {
    const { schedule, epochs } = this.#options
    return learningRateAt(schedule, { step, stepsPerEpoch: this.#stepsPerEpoch, epochs })
  }

  #secondsLeft(): number {
    const { epoch, position } = this.#state
    const epochs = this.#options.epochs - epoch
    const images = epochs * (this.#samples + this.#data.validation.length * validationCost) - position
    return images / this.#speed.imagesPerSecond
  }

  #startEvent(resumed: FoundCheckpoint | undefined): TrainEvent {
    const { epoch, epochs, steps } = this.#state
    return {
      type: 'start',
      epochs: this.#options.epochs,
      stepsPerEpoch: this.#stepsPerEpoch,
      batchSize: this.#options.batchSize,
      samples: this.#data.train.length,
      validationSamples: this.#data.validation.length,
      ...(resumed && {
        resumed: {
          path: resumed.checkpoint.path,
          epoch,
          step: this.#steps,
          epochs: [...epochs],
          steps: [...steps],
          passedOver: resumed.passedOver,
        },
      }),
    }
  }

  #endEvent(reason: 'done' | 'aborted'): TrainEvent {
    const { epochs, best } = this.#state
    const path = this.#folder?.bestPath
    return {
      type: 'end',
      reason,
      epochs: [...epochs],
      ...(best && { best: { epoch: best.epoch, top1: best.top1, ...(path !== undefined && { path }) } }),
    }
  }

  #diverged(what: string, value: number): GoogLeNetError {
    const kept = this.#folder ? `; the checkpoints in ${this.#folder.path} are as they were` : ''
    return new GoogLeNetError(
      'ERR_GOOGLENET_DIVERGED',
      `the ${what} became ${value} in epoch ${this.#state.epoch + 1}, after ${this.#steps} steps, at a learning ` +
        `rate of ${this.#learningRate(this.#steps)}: lower it, or give the schedule warmupEpochs${kept}`,
    )
  }
}
