/** Runs a network definition in float64, forward and backward: what the backends are compared with. */
import type { LayerDefinition, NetworkDefinition } from '../../binding.js'
import { inputsOf } from '../../lib/models/shapes.js'
import { type Parameters, type Run, runLayer } from './referenceLayers.js'
import { accumulate, type Volume, zeros } from './volume.js'

export interface ReferenceOptions {
  training: boolean
  labels?: Int32Array
  labelSmoothing?: number
  /** What storing a value does to it: nothing in fp32's reference, rounding in bf16's. */
  stored?: (value: number) => number
}

export interface ReferenceResult {
  /** Of each head, [n, classes]. */
  logits: Float64Array[]
  /** Without labels the losses are 0. */
  loss: number
  headLosses: number[]
  top1: number
  top5: number
  /** Running statistics by name, in training. */
  running: Map<string, Float64Array>
  /** The least distance of any layer from a kink: nearer by, derivatives are continuous. */
  margin: number
  /** Gradients of the loss by parameter name, and that of the images. */
  backward(): { gradients: Map<string, Float64Array>; images: Float64Array }
}

/** `values` are by parameter name, in PyTorch's layout. */
export function runReference(
  definition: NetworkDefinition,
  values: ReadonlyMap<string, Float64Array>,
  images: Volume,
  options: ReferenceOptions,
): ReferenceResult {
  const store = options.stored ?? ((value: number) => value)
  const stored = (volume: Volume): Volume => ({ shape: volume.shape, data: volume.data.map(store) })
  const layers = neededLayers(definition)
  const isHead = (name: string) => definition.heads.some(({ layer }) => layer === name)
  const outputs = new Map<string, Volume>([['input', stored(images)]])
  const runs = new Map<string, Run>()
  const running = new Map<string, Float64Array>()
  let margin = Number.POSITIVE_INFINITY
  for (const layer of layers) {
    const inputs = inputsOf(layer).map((name) => outputs.get(name)!)
    const run = runLayer(layer, inputs, parametersOf(layer, values, store), options.training)
    runs.set(layer.name, run)
    outputs.set(layer.name, isHead(layer.name) ? run.output : stored(run.output))
    margin = Math.min(margin, run.margin ?? margin)
    for (const [part, moved] of Object.entries(run.running ?? {})) running.set(`${layer.name}.${part}`, moved)
  }
  const heads = definition.heads.map((head) => {
    const { data, shape } = outputs.get(head.layer)!
    return {
      ...head,
      data,
      ...crossEntropy(data, shape[1], options.labels ?? [], options.labelSmoothing ?? 0),
    }
  })
  const { ranks } = heads[0]!

  function backward() {
    const gradients = new Map<string, Float64Array>()
    const upstream = new Map<string, Volume>([...outputs].map(([name, { shape }]) => [name, zeros(shape)]))
    for (const { layer, lossWeight, gradient } of heads) {
      accumulate(
        upstream.get(layer)!.data,
        gradient.map((g) => g * lossWeight),
      )
    }
    for (const layer of layers.toReversed()) {
      const back = runs.get(layer.name)!.backward(stored(upstream.get(layer.name)!))
      for (const [index, name] of inputsOf(layer).entries()) {
        accumulate(upstream.get(name)!.data, back.inputs[index]!.data)
      }
      for (const [part, gradient] of Object.entries(back.parameters)) {
        gradients.set(`${layer.name}.${part}`, gradient)
      }
    }
    return { gradients, images: upstream.get('input')!.data }
  }

  return {
    logits: heads.map(({ data }) => data),
    loss: heads.reduce((sum, { lossWeight, loss }) => sum + lossWeight * loss, 0),
    headLosses: heads.map(({ loss }) => loss),
    top1: ranks.filter((rank) => rank < 1).length,
    top5: ranks.filter((rank) => rank < 5).length,
    running,
    margin,
    backward,
  }
}

/** The layers that a head depends on; the others are not run. */
export function neededLayers({ layers, heads }: NetworkDefinition): LayerDefinition[] {
  const needed = new Set(heads.map(({ layer }) => layer))
  for (const layer of layers.toReversed()) {
    if (needed.has(layer.name)) for (const name of inputsOf(layer)) needed.add(name)
  }
  return layers.filter(({ name }) => needed.has(name))
}

/** The parameters of a layer; those that enter products are stored in the network's precision. */
function parametersOf(
  layer: LayerDefinition,
  values: ReadonlyMap<string, Float64Array>,
  store: (value: number) => number,
): Parameters {
  const parameters: Record<string, Float64Array> = {}
  for (const part of ['weight', 'bias', 'running_mean', 'running_var']) {
    const found = values.get(`${layer.name}.${part}`)
    if (!found) continue
    const multiplies = part === 'weight' && layer.kind !== 'batchNorm'
    parameters[part] = multiplies ? found.map(store) : found
  }
  return parameters
}

/**
 * Mean over the batch of -sum(target * log softmax); the target is 1 - smoothing on the label and smoothing / classes
 * on every class. `ranks`: how many logits exceed the label's.
 */
function crossEntropy(logits: Float64Array, classes: number, labels: Int32Array | [], smoothing: number) {
  const gradient = new Float64Array(logits.length)
  const ranks: number[] = []
  let loss = 0
  for (const [n, label] of labels.entries()) {
    const row = logits.subarray(n * classes, (n + 1) * classes)
    const maximum = Math.max(...row)
    const logSum = maximum + Math.log(row.reduce((sum, x) => sum + Math.exp(x - maximum), 0))
    for (const [c, x] of row.entries()) {
      const target = smoothing / classes + (c === label ? 1 - smoothing : 0)
      loss -= (target * (x - logSum)) / labels.length
      gradient[n * classes + c] = (Math.exp(x - logSum) - target) / labels.length
    }
    ranks.push(row.filter((x) => x > row[label]!).length)
  }
  return { loss, gradient, ranks }
}
