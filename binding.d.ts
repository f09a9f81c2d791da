/**
 * The whole surface of the native addon, typed. Nothing else crosses between TypeScript and C++.
 *
 * Every function that can take longer than a millisecond returns a promise and runs off the main thread.
 * Failures carry a `code` (`ERR_GOOGLENET_...`) and a message that says what was found and what to do.
 *
 * Arguments are checked and copied before a function returns: the caller may change, transfer or detach its arrays
 * at once. (The memory of an array cannot be held by reference: whoever transfers its buffer to another thread
 * frees it under the reader. A batch of 256 is copied at the speed of memory, by several threads.) Of images in an
 * array that a Loader made nothing is copied: their memory is the Loader's and is held, so that the array may be
 * transferred, but must not be changed before the call has settled.
 */

/** Arithmetic of a network: storage and products in this type, sums and master weights in fp32. */
export type Precision = 'fp32' | 'bf16' | 'fp16'

/** One layer of a network as the addon sees it; `input` names another layer, or `input` for the images. */
export type LayerDefinition =
  | {
      kind: 'convolution'
      name: string
      input: string
      outChannels: number
      kernel: number
      stride: number
      padding: number
      bias: boolean
    }
  | { kind: 'batchNorm'; name: string; input: string; epsilon: number; momentum: number }
  | { kind: 'relu'; name: string; input: string }
  /**
   * Across channels: x (k + alpha / size S)^-beta, S the sum of the squares of the `size` channels around x's
   * (PyTorch's local_response_norm, Caffe's LRN).
   */
  | { kind: 'lrn'; name: string; input: string; size: number; alpha: number; beta: number; k: number }
  | {
      kind: 'maxPool'
      name: string
      input: string
      kernel: number
      stride: number
      padding: number
      /**
       * The output's side is rounded up instead of down: a last window, clipped, where places are left over. Each
       * window begins in the input or the padding before it (PyTorch's ceil_mode). Absent: false.
       */
      ceil?: boolean
    }
  | { kind: 'averagePool'; name: string; input: string; kernel: number; stride: number; padding: number }
  /** `size` x `size` means whatever the input's size: of rows and columns floor(i side / size) to ceil((i + 1) side / size). */
  | { kind: 'adaptiveAveragePool'; name: string; input: string; size: number }
  | { kind: 'concat'; name: string; inputs: string[] }
  /** Reads its input flattened in C, H, W order, as PyTorch's `view` does. */
  | { kind: 'linear'; name: string; input: string; outFeatures: number; bias: boolean }
  | { kind: 'dropout'; name: string; input: string; probability: number }

/** A head: a layer whose output is a vector of logits, and the weight of its cross-entropy in the loss. */
export interface HeadDefinition {
  layer: string
  lossWeight: number
}

export interface NetworkDefinition {
  /**
   * Images as they enter: uint8 batches are divided by 255, then normalised by mean and std. With `bgr` the network
   * has the channels of uint8 batches in the reverse order; mean and std are per channel of the network's. Float32
   * batches are as the network takes them.
   */
  input: { channels: number; height: number; width: number; mean: number[]; std: number[]; bgr?: boolean }
  /**
   * How weights and biases of convolutions and linear layers begin. `uniform`, when absent: as PyTorch's, in
   * +-1 / sqrt(fan in). `xavier`: as Caffe's, weights in +-sqrt(3 / fan in), biases 0.2, of heads 0. `normal`: as
   * torchvision's googlenet, weights of deviation 0.01.
   */
  initial?: 'uniform' | 'xavier' | 'normal'
  layers: LayerDefinition[]
  heads: HeadDefinition[]
}

export interface NetworkOptions {
  /** `auto` is the first GPU where one can be used, and otherwise the CPU; `cuda` is `cuda:0`. */
  device: string
  precision: Precision
  /** Seeds the initial weights and the dropout masks. */
  seed: number
  /** Threads of the CPU backend, as many as there are cores at most; 0 means every core that the process may use. */
  threads: number
  /** Of a GPU, all off by default: in fp32, products may round their factors to TF32. */
  tf32?: boolean
  /** Algorithms alone that give the same bits each time. */
  deterministic?: boolean
  /** Each convolution's algorithms are timed, instead of taking what cuDNN thinks best. */
  tune?: boolean
  /** The file that keeps what was found by timing; none by default. */
  planCache?: string
}

/** Images: `float32` as the network takes them (normalised), or `uint8` pixels that the device normalises. */
export interface BatchData {
  data: Float32Array | Uint8Array
  /** N, C, H, W, whatever the layout in memory. */
  shape: readonly [number, number, number, number]
  layout: 'nchw' | 'nhwc'
}

export interface StepOptions {
  learningRate: number
  momentum: number
  weightDecay: number
  nesterov: boolean
  labelSmoothing: number
  /** Decay of the exponential moving average of the weights; 0 keeps none. */
  averageDecay: number
  /** Gradient accumulation: this batch is the `index`-th of `count`; the update comes with the last. */
  accumulate: { index: number; count: number }
}

export interface StepMetrics {
  /** Sum over heads of lossWeight x mean cross-entropy. */
  loss: number
  /** Mean cross-entropy of each head. */
  headLosses: number[]
  /** Samples of this batch whose label is the first of the main head's logits, and among its first five. */
  top1: number
  top5: number
}

export interface MemoryReport {
  /** Bytes. `arena` is what the planned arena takes, `arenaUnshared` what it would take without sharing. */
  parameters: number
  gradients: number
  momentum: number
  average: number
  preparedWeights: number
  arena: number
  arenaUnshared: number
  workspace: number
  /** On a GPU: the batch that is computed, and those on their way. */
  batches: number
  total: number
}

/** Where the dynamic loss scaling of fp16 stands: part of the training state. */
export interface LossScale {
  scale: number
  /** Updates since it last moved; it doubles after 2000. */
  growing: number
  /** Updates left out because gradients overflowed, each of which halved it. */
  skipped: number
}

/** A run of channels in the rows of a buffer: `stride` elements from row to row, `offset` before the first. */
export interface PlanView {
  buffer: string
  rows: number
  channels: number
  stride: number
  offset: number
  /** Lanes after the channels that belong to the view alone; whoever writes it writes zeros there. */
  padding: number
}
/** Floats of the parameters' memory, and of the gradients' where there are any. */
export interface PlanRange {
  offset: number
  count: number
}
export interface PlanShape {
  channels: number
  height: number
  width: number
}
export interface PlanWindow {
  batch: number
  in: PlanShape
  out: PlanShape
  kernel: number
  stride: number
  padding: number
  /** Of an average pool whose windows share the input out; `kernel` is the widest one's side. */
  adaptive?: boolean
}
export interface PlanLrn {
  size: number
  alpha: number
  beta: number
  k: number
}
/** One operation of a plan as it runs; what an operation does without is absent. */
export interface PlanStep {
  operation: string
  layers: string[]
  /** Names of buffers. */
  reads: string[]
  writes: string[]

  input?: PlanView
  output?: PlanView
  /** Of a BatchNorm, whose results split the channels. */
  outputs?: PlanView[]
  logits?: PlanView
  outputGradient?: PlanView
  outputGradients?: PlanView[]
  inputGradient?: PlanView
  /** Float [4][channels] that a BatchNorm keeps for its backward pass: scale, shift, mean, 1 / deviation. */
  saved?: PlanView
  /** Float [2][channels] that a convolution leaves for its BatchNorm: sum, sum of squares. */
  statistics?: PlanView
  /** Of a max pool, one that a BatchNorm makes too: which position of the window has the greatest value. */
  argmax?: PlanView

  weight?: PlanRange
  bias?: PlanRange
  gamma?: PlanRange
  beta?: PlanRange
  mean?: PlanRange
  variance?: PlanRange
  /** The bias of the convolution before a BatchNorm, which moves its running mean alone. */
  shift?: PlanRange
  /** A BatchNorm that the convolution's weights take in. */
  fold?: { gamma: PlanRange; beta: PlanRange; mean: PlanRange; variance: PlanRange; epsilon: number }

  window?: PlanWindow
  lrn?: PlanLrn
  batch?: number
  shape?: PlanShape
  /** Of the input: uint8 images have their channels in the reverse order. */
  bgr?: boolean
  /** Of a linear layer: the pixels that a row of its input consists of. */
  pixels?: number
  relu?: boolean
  /** Adds to the gradient that is there. */
  accumulate?: boolean
  /** Of a linear layer: its output is a head's logits. */
  isHead?: boolean
  epsilon?: number
  momentum?: number
  /** Of dropout: with the index of its layer, what decides its mask. */
  probability?: number
  layerIndex?: number
  head?: number
  lossWeight?: number
}
export interface PlanReport {
  mode: 'eval' | 'train'
  batch: number
  steps: PlanStep[]
  /** How many steps the forward pass has; they come first. */
  forwardSteps: number
  /** Where each buffer lies in the arena (bytes) and the first and last step that use it. */
  buffers: {
    name: string
    element: 'activation' | 'float' | 'byte'
    count: number
    offset: number
    bytes: number
    first: number
    last: number
  }[]
  /** Logits, in the order of the heads. */
  heads: PlanView[]
  /** Where the parameters lie that the steps' ranges are of; the trainable ones have gradients. */
  parameters: { name: string; offset: number; count: number; trainable: boolean }[]
  /** Bytes that the activations take, and what they would take if none shared any. */
  arenaBytes: number
  unsharedBytes: number
}
/** How long a plan's steps take, each run by itself, and all of them as they run usually. */
export interface ProfileReport {
  /** What ran; on the CPU, which computes large batches in parts, the plan of one part (`eval`). */
  plan: PlanReport
  /**
   * The plan's steps, in its order; in `train` then `update` and `prepare weights`, what readies the new weights
   * for the next step. Medians; on a GPU between events, so that very short steps include their launch.
   */
  steps: { name: string; layer: string; seconds: number }[]
  /** Of a run among others, as forward() and trainStep() make them. */
  whole: number
  /** Measured with a large matrix product in the network's precision and a large copy; absent on a GPU. */
  peaks?: Peaks
}
export interface Peaks {
  /** Operations a second; a multiply-add is two. */
  flops: number
  /** Bytes a second, read and written. */
  bandwidth: number
}
export interface PlanOptions {
  device: 'cpu' | 'cuda'
  precision: Precision
  batch: number
  mode: 'eval' | 'train'
  /** In `eval` mode: leaves out what only the other heads need. */
  mainHeadOnly: boolean
}
/** The plan that a network would have on a device, which need not be there. */
export function plan(definition: NetworkDefinition, options: PlanOptions): PlanReport

/** Which copy of the trained values: the weights, the optimizer's momentum, the running average, the last gradients. */
export type TensorSet = 'weights' | 'momentum' | 'average' | 'gradients'
export interface NamedTensor {
  name: string
  shape: number[]
  data: Float32Array
}

/**
 * A network on a thread of its own. Calls may overlap: they run one after another, in the order in which they were
 * made. Collected without dispose(), a network is freed as by dispose().
 */
export class Network {
  static create(definition: NetworkDefinition, options: NetworkOptions): Promise<Network>
  /** What it runs on: `cpu`, `cuda:0`. */
  readonly device: string
  /** Why `auto` took the CPU although the machine has a GPU; empty when it did not. */
  readonly passedOver: string
  /**
   * Takes images of another size too, beside those of the definition given to create(): the same network, with the
   * same parameters, as it is for that size. ERR_GOOGLENET_SHAPE when the parameters differ.
   */
  addInput(definition: NetworkDefinition): Promise<void>
  /**
   * Logits of each head, [n, classes] row-major, in the order of `heads`; in `eval` mode `main` asks for the
   * first head's alone and leaves out what only the others need.
   */
  forward(
    batch: BatchData,
    options: { mode: 'eval' | 'train'; weights: 'weights' | 'average'; heads?: 'all' | 'main' },
  ): Promise<Float32Array[]>
  trainStep(batch: BatchData, labels: Int32Array, options: StepOptions): Promise<StepMetrics>
  /** Empty when the network keeps no such set (yet). */
  getTensors(set: TensorSet): Promise<NamedTensor[]>
  /** Only the named tensors are replaced; shapes must match. Nothing changes when one is refused. */
  setTensors(set: 'weights' | 'momentum' | 'average', tensors: NamedTensor[]): Promise<void>
  /** Updates made and batches seen: together with the seed they are the whole random state. */
  getCounters(): { steps: number; batches: number }
  /** In its turn, after the calls already made. */
  setCounters(counters: { steps: number; batches: number }): void
  /** `undefined` but in fp16 on a GPU; elsewhere a scale that is set is passed over. */
  getLossScale(): Promise<LossScale | undefined>
  setLossScale(scale: LossScale): Promise<void>
  /** As the last call to end left it; so is what getCounters() says. */
  memory(): MemoryReport
  /** What to know of how it runs, as the last call to end found out; empty when there is nothing. */
  readonly notice: string
  plan(batch: number, mode: 'eval' | 'train'): Promise<PlanReport>
  /**
   * Times training steps, or the main head's forward pass, on images of noise and copies of the weights: nothing
   * that getTensors(), getCounters() and getLossScale() give changes.
   */
  profile(options: { batch: number; mode: 'eval' | 'train'; repeat: number }): Promise<ProfileReport>
  /**
   * Frees all native memory once the call under way has ended; those queued behind it and later ones are refused
   * with ERR_GOOGLENET_DISPOSED. May be called again.
   */
  dispose(): void
}

/** Where the bytes of a picture are: a file, a range of a file, or memory. They are a JPEG or a PNG, whatever the name. */
export type PictureSource = string | { path: string; offset: number; length: number } | Uint8Array

export interface Picture {
  source: PictureSource
  /** The sample's number in its data set: with seed and epoch it decides the augmentation. */
  index: number
}

/** Factors are drawn uniformly from [max(0, 1 - x), 1 + x]; 0 switches one off. */
export interface ColorJitter {
  brightness: number
  contrast: number
  saturation: number
  /** Share of a full turn, up to 0.5: the hue is turned by -x to x. Absent: 0. */
  hue?: number
}

/** How pixels are made of a picture's: Pillow's BILINEAR (an antialiased triangle), BOX, NEAREST and BICUBIC. */
export type Interpolation = 'bilinear' | 'area' | 'nearest' | 'cubic'

export type PictureTransform =
  | {
      kind: 'train'
      size: number
      seed: number
      epoch: number
      /** Share of the picture's area, and the aspect ratio (log-uniform). */
      area: [number, number]
      aspect: [number, number]
      /** Probability of a horizontal flip. */
      flip: number
      jitter: ColorJitter
      /** Deviation of the light added along the principal components of ImageNet's colours; absent: 0. */
      lighting?: number
      /** `random` is each of the four with the same probability; absent: `bilinear`. */
      interpolation?: Interpolation | 'random'
    }
  /** The shorter side is resized to `resize`, then the centre `size` x `size` is cropped. */
  | { kind: 'eval'; size: number; resize: number }
  /**
   * Many crops of a picture, for each of the scales in turn, to which the shorter side is resized: the four corners
   * (top first) and the centre, then these mirrored. With `squares` that of each of three squares (left, centre and
   * right, or top, centre and bottom), each with the square itself resized after its centre.
   */
  | { kind: 'crops'; size: number; scales: readonly number[]; squares: boolean }

export interface DecodedBatch {
  /**
   * n x size x size x channels, NHWC, only the pictures that could be read, in the order asked for; of a `crops`
   * transform n x crops of them.
   */
  data: Uint8Array
  /** Position in the request of each picture in `data`. */
  positions: Int32Array
  /** The pictures that could not be read, and why: a phrase that follows the name, as `is empty`. */
  failures: { position: number; reason: string }[]
  /** Of the pictures in `data`, how many a GPU decoded; the CPU decoded the others. */
  onGpu: number
}

/**
 * Decodes pictures on threads of its own, cropped and resized as Pillow does it (antialiased triangle filter).
 * What is transparent is laid over white. Collected without dispose(), a loader ends as
 * by dispose().
 */
export class Loader {
  /** `threads` 0 means every core that the process may use. */
  constructor(options: {
    threads: number
    channels: 1 | 3
    /**
     * `accurate`: the exact DCT and smoothed chroma of libjpeg, as Pillow decodes. `fast`: the sloppier ones, and more
     * left to the scaled DCT. Absent: `accurate`.
     */
    quality?: 'accurate' | 'fast'
    /** Whether pictures are turned as their EXIF data say; absent: `ignore`, as torchvision and Pillow do. */
    orientation?: 'ignore' | 'apply'
    /**
     * `cuda` and `cuda:<number>`: nvJPEG decodes the JPEGs that it can on that GPU, which crops and resizes them too;
     * the CPU does what else there is. Absent: `cpu`. A GPU that cannot be used shows in decode().
     */
    decoder?: 'cpu' | 'cuda' | `cuda:${number}`
  })
  /**
   * Queues a batch; several may be under way at once, and they end in the order in which they were asked for. Rejects
   * only for wrong arguments (ERR_GOOGLENET_OPTION), for a batch that does not fit into memory
   * (ERR_GOOGLENET_MEMORY), for a GPU that cannot be used or fails (ERR_GOOGLENET_DEVICE) and after dispose().
   */
  decode(pictures: Picture[], transform: PictureTransform): Promise<DecodedBatch>
  /**
   * Ends the threads after the pictures under way; batches with pictures that were not begun, and later calls, are
   * refused with ERR_GOOGLENET_DISPOSED. May be called again.
   */
  dispose(): void
}

/** A picture that was packed: a JPEG, and the pixels that it had before; or why it could not be read. */
export type PackedPicture =
  | { jpeg: Uint8Array; width: number; height: number; failure?: undefined }
  | { failure: string; jpeg?: undefined }

/** Makes pictures smaller and writes them as JPEG. Collected without dispose(), a packer ends as by dispose(). */
export class Packer {
  /** `threads` 0 means every core that the process may use. */
  constructor(options: { threads: number })
  /**
   * The shorter side becomes `shortSide` pixels at most (0 keeps every size), by the loader's filter; nothing is made
   * larger. Every picture is decoded whole; a JPEG of one scan, grey or YCbCr, that is small enough stays byte for
   * byte as it was, all else is encoded anew without metadata, with a quality of 1 to 100. In the order of `sources`.
   * Rejects for wrong arguments (ERR_GOOGLENET_OPTION), without memory and after dispose().
   */
  pack(sources: PictureSource[], options: { shortSide: number; quality: number }): Promise<PackedPicture[]>
  /** The call under way ends; those behind it, and later ones, are refused with ERR_GOOGLENET_DISPOSED. */
  dispose(): void
}

/** The module that runs networks on a GPU, and what it finds. */
export interface CudaReport {
  /** Where the module is looked for: beside the addon, or else where useCudaModule() said. */
  module: string
  /** Why no GPU can be used, and what to do; empty when one can. */
  problem: string
  /** The version of CUDA that the driver supports; empty without a driver. */
  driver: string
  /** Those that the module opens, found (`path`) or not. */
  libraries: { name: string; version: string; path: string; lookedIn: string[] }[]
  /** In the order of their numbers; memory in bytes. */
  cards: { name: string; capability: string; memory: number; free: number; processors: number }[]
}

export interface SystemReport {
  cpu: { model: string; features: string[]; cores: number; bf16: boolean }
  onednn: { version: string; runtime: string; isa: string }
  jpeg: { version: string }
  cuda: CudaReport
}
export function system(): SystemReport
/** Where the CUDA module lies if it is not beside the addon; before the first call that could open it. */
export function useCudaModule(path: string): void
