import type { DecodedBatch, Loader, PictureTransform } from '../../binding.js'
import { checkChoice, checkNumber } from '../checks.js'
import { asGoogLeNetError, GoogLeNetError } from '../errors.js'
import type { Images } from '../images.js'
import { checkNotAborted } from '../queue.js'
import { type AugmentOptions, type Crops, checkCrops, judgedTransform, trainTransform } from './augment.js'
import { checkDecodeOptions, checkPictureChannels, type DecodeOptions, openLoader } from './loader.js'
import { EpochOrder } from './order.js'
import type { Sample, SampleOrder, SampleSource } from './source.js'

/** Pictures that were asked for together. */
export interface Batch {
  /** uint8, NHWC: those that could be read; with `crops`, all of a picture before the next. When none could, empty. */
  images: Images
  /** Of each picture, and its index in the source. */
  labels: Int32Array
  indices: Int32Array
  /** Those that could not be read. */
  skipped: { name: string; reason: string }[]
  /** How many of the pictures the GPU decoded, with a `decoder` of that kind. */
  onGpu: number
  /**
   * Samples of this pass, those of all ranks, up to the end of this batch: a pass that begins there goes on without a
   * gap, with as many ranks as it likes.
   */
  position: number
}

export interface BatchesOptions extends DecodeOptions {
  batchSize: number
  /** Height and width of the images. */
  imageSize: number
  /** 3 (RGB) by default, or 1 (grey). */
  channels?: 1 | 3
  /**
   * For training: the samples come in the order of that epoch, each augmented. What comes depends on seed, epoch
   * and sample alone. Without it they come as the source has them, resized and cropped in the centre.
   */
  training?: { seed: number; epoch: number; augment?: AugmentOptions }
  /**
   * One of several passes that share the samples: position p is of rank p % ranks. In training all ranks get equally
   * many batches of equal size; in evaluation none is lost and none comes twice. 0 of 1 by default.
   */
  rank?: number
  ranks?: number
  /** Length of the shorter side before the centre is cropped, without `training`; imageSize x 256 / 224 by default. */
  resize?: number
  /** Images that each picture becomes, without `training`; 1, its centre, by default. */
  crops?: Crops
  /** Where the pass begins: the `position` of the last batch that was worked off; 0 by default. */
  position?: number
  /**
   * Leaves out a last batch that would be smaller than the others. By default that is done in training, where the
   * statistics of few pictures would do harm, unless there is no other batch.
   */
  dropLast?: boolean
  /** Batches that are decoded ahead of the one worked on; 2 by default. */
  prefetch?: number
  /** `skip`, the default, leaves out a picture that cannot be read; `throw` ends with ERR_GOOGLENET_PICTURE. */
  onError?: 'skip' | 'throw'
  /** Threads that decode; 0, the default, means every core that the process may use. */
  threads?: number
  /** Decodes instead of threads of its own, its `DecodeOptions` being its own; it stays open. */
  loader?: Pick<Loader, 'decode'>
  signal?: AbortSignal
}

/**
 * Samples that the training passes of all ranks visit: the last ones are left out when they fill no batch of each. Too
 * few for one of each make one smaller batch.
 */
export function trainedSamples(samples: number, batchSize: number, ranks = 1): number {
  const step = batchSize * ranks
  return samples - (samples % (samples < step ? ranks : step))
}

/**
 * One pass over a source, batch by batch. The next batches are decoded while one is worked on, and no more than
 * `prefetch` of them: a slow reader slows the decoding. Leaving the loop frees what was decoded ahead.
 *
 * @throws ERR_GOOGLENET_OPTION at once; while it runs ERR_GOOGLENET_PICTURE (`onError: 'throw'`),
 * ERR_GOOGLENET_DATA when none of the pictures of a whole pass could be read, and ERR_GOOGLENET_ABORTED.
 */
export function batches(
  source: SampleSource,
  options: BatchesOptions,
): AsyncGenerator<Batch, void, undefined> {
  const { training, signal } = options
  const channels = checkPictureChannels(options.channels ?? 3)
  const batchSize = checkNumber('batchSize', options.batchSize, { min: 1, max: 65535, whole: true })
  const imageSize = checkNumber('imageSize', options.imageSize, { min: 1, max: 16384, whole: true })
  const threads = checkNumber('threads', options.threads ?? 0, { min: 0, max: 1024, whole: true })
  const crops = checkCrops(training ? 1 : (options.crops ?? 1))
  const decode = checkDecodeOptions(options)
  const dropLast = options.dropLast ?? training !== undefined
  const ranks = checkNumber('ranks', options.ranks ?? 1, { min: 1, max: 65535, whole: true })
  const end = dropLast ? trainedSamples(source.length, batchSize, ranks) : source.length
  if (end === 0 && source.length > 0) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_OPTION',
      `ranks must be at most the ${source.length} samples that they share, found ${ranks}`,
    )
  }
  const pass: Pass = {
    source,
    batchSize,
    shape: [channels, imageSize, imageSize],
    transform: training
      ? trainTransform(imageSize, training)
      : judgedTransform(imageSize, crops, options.resize),
    crops,
    order: training ? epochOrder(source, training) : { at: (i) => i },
    rank: checkNumber('rank', options.rank ?? 0, { min: 0, below: ranks, whole: true }),
    ranks,
    begin: checkNumber('position', options.position ?? 0, { min: 0, max: source.length, whole: true }),
    end,
    prefetch: checkNumber('prefetch', options.prefetch ?? 2, { min: 0, max: 1024, whole: true }),
    skip: checkChoice('onError', options.onError ?? 'skip', ['skip', 'throw']) === 'skip',
  }
  return run(pass, options.loader, () => openLoader(channels, threads, decode), signal)
}

/** The order in which an epoch of training visits a source. */
export function epochOrder(
  source: SampleSource,
  { seed, epoch }: { seed: number; epoch: number },
): SampleOrder {
  return source.order?.(seed, epoch) ?? new EpochOrder(seed, epoch, source.length)
}

interface Pass {
  source: SampleSource
  batchSize: number
  /** C, H, W. */
  shape: readonly [number, number, number]
  transform: PictureTransform
  crops: Crops
  order: SampleOrder
  rank: number
  ranks: number
  begin: number
  end: number
  prefetch: number
  skip: boolean
}

/** A batch on its way. */
interface Request {
  indices: number[]
  position: number
  decoded: Promise<DecodedBatch & { samples: Sample[] }>
}

async function* run(
  pass: Pass,
  shared: Pick<Loader, 'decode'> | undefined,
  open: () => Loader,
  signal: AbortSignal | undefined,
): AsyncGenerator<Batch, void, undefined> {
  checkNotAborted(signal)
  const own = shared ? undefined : open()
  const loader = shared ?? own!
  const leaving = new AbortController()
  const ended = signal ? AbortSignal.any([signal, leaving.signal]) : leaving.signal
  const ahead: Request[] = []
  let next = pass.begin
  const request = (atMost: number) => {
    while (ahead.length < atMost && next < pass.end) {
      const batch = requestBatch(loader, pass, next, ended)
      if (batch.indices.length > 0) ahead.push(batch)
      next = batch.position
    }
  }
  let asked = 0
  let read = 0
  let unread: Batch['skipped'][number] | undefined
  try {
    for (;;) {
      request(pass.prefetch + 1)
      const current = ahead.shift()
      if (current === undefined) break
      const batch = await finishBatch(pass, current)
      checkNotAborted(signal)
      request(pass.prefetch)
      asked += current.indices.length
      read += batch.labels.length
      unread ??= batch.skipped[0]
      yield batch
      checkNotAborted(signal)
    }
  } finally {
    leaving.abort()
    own?.dispose()
  }
  if (read === 0 && unread !== undefined && pass.begin === 0) throw nothingReadable(asked, unread)
}

/** The error of data none of whose pictures can be read; `first` is one of them. */
export function nothingReadable(pictures: number, first: Batch['skipped'][number]): GoogLeNetError {
  return new GoogLeNetError(
    'ERR_GOOGLENET_DATA',
    `none of the ${pictures} pictures could be read, the first being ${first.name}: ${first.reason}; ` +
      'check that they are JPEG or PNG files',
  )
}

/** Asks for what is this rank's of the samples from `begin` on, a batch of each rank. */
function requestBatch(
  loader: Pick<Loader, 'decode'>,
  { source, transform, order, batchSize, rank, ranks, end }: Pass,
  begin: number,
  signal: AbortSignal,
): Request {
  const position = Math.min(begin + batchSize * ranks, end)
  const indices: number[] = []
  const first = begin + ((rank - (begin % ranks) + ranks) % ranks)
  for (let p = first; p < position; p += ranks) indices.push(order.at(p))
  const decode = async () => {
    if (source.ready) await source.ready(indices, signal)
    const samples = indices.map((index) => source.sample(index))
    const pictures = samples.map(({ source: where }, i) => ({ source: where, index: indices[i]! }))
    return { ...(await loader.decode(pictures, transform)), samples }
  }
  const decoded = decode()
  // Its failure is met when its turn comes; until then, or when the loop is left, nobody waits for it.
  decoded.catch(() => {})
  return { indices, position, decoded }
}

async function finishBatch(pass: Pass, { indices, position, decoded }: Request): Promise<Batch> {
  const { data, positions, failures, onGpu, samples } = await decoded.catch((error) => {
    throw asGoogLeNetError(error, 'ERR_GOOGLENET_NATIVE', 'decoding pictures')
  })
  const skipped = failures.map((failure) => ({
    name: samples[failure.position]!.name,
    reason: failure.reason,
  }))
  const [first] = skipped
  if (first !== undefined && !pass.skip) {
    throw new GoogLeNetError('ERR_GOOGLENET_PICTURE', `${first.name} cannot be read: ${first.reason}`)
  }
  return {
    images: { data, shape: [positions.length * pass.crops, ...pass.shape], layout: 'nhwc' },
    labels: Int32Array.from(positions, (i) => samples[i]!.label),
    indices: Int32Array.from(positions, (i) => indices[i]!),
    skipped,
    onGpu,
    position,
  }
}
