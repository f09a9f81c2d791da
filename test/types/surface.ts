/** Compiled, never run: what the public surface lets pass and what it does not. */
import {
  batches,
  type CreateOptions,
  type EvaluationReport,
  evaluate,
  type ForwardResult,
  formatSummary,
  GoogLeNet,
  GoogLeNetError,
  ImageFolder,
  type Images,
  type LossScale,
  type ModelOptions,
  type Prediction,
  type ProfileReport,
  type ResolvedOptions,
  type Schedule,
  type Snapshot,
  type StateDict,
  type StepMetrics,
  type Tensor,
  type TrainEvent,
  train,
} from '../../lib/index.js'

/** Fails to compile unless both types are the same. */
function same<A, B>(
  ..._: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? [] : [never]
) {}

const images: Images = { data: new Float32Array(1), shape: [1, 3, 224, 224] }
const labels = Int32Array.of(0)

export async function creating() {
  same<Awaited<ReturnType<typeof GoogLeNet.create>>, GoogLeNet>()
  await GoogLeNet.create()
  await GoogLeNet.create({
    classes: ['cat', 'dog'] as const,
    device: 'cuda:1',
    precision: 'bf16',
    aux: false,
  })
  await GoogLeNet.open('best.safetensors', { device: 'cpu', threads: 2 })

  // @ts-expect-error there is no such variant
  await GoogLeNet.create({ variant: 'inception' })
  // @ts-expect-error nor such an option
  await GoogLeNet.create({ imagesize: 96 })
  // @ts-expect-error a number, not a text
  await GoogLeNet.create({ imageSize: '96' })
  // @ts-expect-error devices are cpu and cuda
  await GoogLeNet.create({ device: 'gpu' })
  // @ts-expect-error
  await GoogLeNet.create({ precision: 'fp64' })
  // @ts-expect-error what is absent is left out
  const options: CreateOptions = { channels: undefined }
  // @ts-expect-error the file says how many classes
  await GoogLeNet.open('best.safetensors', { classes: 10 })
  // @ts-expect-error networks come from create and open
  new GoogLeNet(options)
}

export async function running(net: GoogLeNet, { signal }: AbortController) {
  same<typeof net.options, ResolvedOptions>()
  same<typeof net.options.labels, readonly string[]>()
  // @ts-expect-error the options are fixed
  net.options.classes = 5

  const result = await net.forward(images, { mode: 'train', weights: 'weights', heads: 'all', signal })
  same<typeof result, ForwardResult>()
  same<typeof result.logits, Tensor>()
  // @ts-expect-error there may be no auxiliary heads
  result.aux1.data
  await net.forward({ data: Buffer.alloc(1), shape: [1, 3, 1, 1], layout: 'nhwc' })
  // @ts-expect-error floats of 32 bits
  await net.forward({ data: new Float64Array(1), shape: [1, 3, 1, 1] })
  // @ts-expect-error images have a shape
  await net.forward({ data: new Float32Array(1) })
  // @ts-expect-error
  await net.forward(images, { mode: 'test' })

  const metrics = await net.trainStep(images, labels, {
    learningRate: 0.1,
    accumulate: { index: 0, count: 2 },
  })
  same<typeof metrics, StepMetrics>()
  // @ts-expect-error a learning rate is needed
  await net.trainStep(images, labels, { momentum: 0.9 })
  // @ts-expect-error labels are an Int32Array
  await net.trainStep(images, [0], { learningRate: 0.1 })
}

export async function values(net: GoogLeNet) {
  const dict = await net.stateDict({ weights: 'average' })
  same<typeof dict, StateDict>()
  same<typeof dict, Map<string, Tensor>>()
  const names = await net.loadStateDict(dict, { strict: false })
  same<typeof names, { missing: string[]; unexpected: string[] }>()
  same<Awaited<ReturnType<typeof net.gradients>>, StateDict>()
  await net.restore(await net.snapshot())
  same<Snapshot['momentum'], StateDict | undefined>()
  same<Snapshot['lossScale'], LossScale | undefined>()
  await net.save('out.safetensors', { weights: 'average' })
  // @ts-expect-error gradients are no weights
  await net.save('out.safetensors', { weights: 'gradients' })
  // @ts-expect-error a Map of tensors
  await net.loadStateDict({ 'fc.bias': { shape: [1], data: new Float32Array(1) } })
}

export async function classifying(net: GoogLeNet, pictures: readonly Uint8Array[]) {
  const one = await net.classify('cat.jpg', { top: 1 })
  same<typeof one, Prediction[]>()
  const many = await net.classify(['cat.jpg', new Uint8Array(1)])
  same<typeof many, Prediction[][]>()
  await net.classify(pictures)
  // @ts-expect-error a path or bytes
  await net.classify(5)
}

export async function training(net: GoogLeNet) {
  const data = await ImageFolder.open('pictures/', { split: { validation: 0.1 }, seed: 1 })
  const schedule: Schedule = { kind: 'step', learningRate: 0.1, factor: 0.96, everyEpochs: 8 }
  for await (const event of train(net, data, { epochs: 1, batchSize: 32, schedule, checkpoint: 'run/' })) {
    same<typeof event, TrainEvent>()
    // The kind of event decides what it holds.
    if (event.type === 'step') same<typeof event.learningRate, number>()
    else if (event.type === 'skipped') same<typeof event.reason, string>()
    else if (event.type === 'end') same<typeof event.reason, 'done' | 'aborted'>()
    // @ts-expect-error a checkpoint has no learning rate
    if (event.type === 'checkpoint') event.learningRate
  }
  const report = await evaluate(net, data.validation)
  same<typeof report, EvaluationReport>()
  for await (const { images, labels } of batches(data.train, { batchSize: 8, imageSize: 224 })) {
    await net.trainStep(images, labels, { learningRate: 0.1 })
  }
  // @ts-expect-error there is no such schedule
  const wrong: Schedule = { kind: 'exponential', learningRate: 0.1 }
  // @ts-expect-error a network is no data set
  train(net, net, { schedule: wrong })
}

export function describing(net: GoogLeNet, options: ModelOptions) {
  formatSummary(net.summary())
  same<typeof options.variant, 'seed' | 'paper' | 'torchvision'>()
  net.memory().arena.toFixed()
  same<Awaited<ReturnType<typeof net.profile>>, ProfileReport>()
  void net.profile({ batch: 32, mode: 'train' })
  // @ts-expect-error there is no such mode
  void net.profile({ batch: 32, mode: 'training' })
  using _scoped = net
}

export function failing(error: unknown) {
  if (!(error instanceof GoogLeNetError)) return
  if (error.code === 'ERR_GOOGLENET_SHAPE') return
  // @ts-expect-error there is no such code
  if (error.code === 'ERR_GOOGLENET_TYPO') return
}
