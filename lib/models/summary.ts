import type { LayerDefinition, NetworkDefinition } from '../../binding.js'
import { table } from '../table.js'
import { elementCount } from '../tensors.js'
import { naiveInception } from './blocks.js'
import type { VariantOptions } from './body.js'
import { alexNet, vgg16 } from './comparisons.js'
import type { Kind } from './layer.js'
import { inputsOf, type TracedLayer, trace } from './shapes.js'
import { type Variant, variantNames, variants } from './variants.js'

/** Trained values, and multiply-accumulates for one image. */
export interface Cost {
  parameters: number
  macs: number
}

export interface LayerSummary extends Cost {
  name: string
  kind: Kind
  /** The kind with its window: `convolution 7x7/2`. */
  operation: string
  /** C, H, W. */
  output: readonly [number, number, number]
}

export interface Summary extends Cost {
  variant: Variant
  classes: number
  /** C, H, W. */
  input: readonly [number, number, number]
  layers: LayerSummary[]
  /** What the main head alone needs: the network without its auxiliary heads. */
  inference: Cost
  /** Other networks beside this one, counted in the same way. */
  comparisons: ({ name: string } & Cost)[]
}

/** Counts a network from its definition: every layer, the totals, and others to compare it with. */
export function summarize(options: VariantOptions & { variant: Variant }): Summary {
  const { variant, classes, channels, imageSize } = options
  const { define } = variants[variant]
  const definition = define(options)
  const layers = trace(definition)
  return {
    variant,
    classes,
    input: [channels, imageSize, imageSize],
    layers: layers.map(summarizeLayer),
    ...cost(layers),
    inference: cost(neededBy(definition.heads[0]!.layer, layers)),
    comparisons: [
      {
        name: 'the same with naive inception modules (no 1x1 reductions)',
        ...costOf(define(options, naiveInception)),
      },
      ...variantNames.filter((other) => other !== variant).map(compareVariant),
      { name: 'AlexNet (3x224x224, 1000 classes)', ...costOf(alexNet()) },
      { name: 'VGG-16 (3x224x224, 1000 classes)', ...costOf(vgg16()) },
    ],
  }
}

/** A summary as a table for people: one line a layer, the totals, the comparisons. */
export function formatSummary(summary: Summary): string {
  const { layers, inference, comparisons } = summary
  const heading = `GoogLeNet, variant ${summary.variant}: images ${summary.input.join('x')}, ${summary.classes} classes`
  const rows = layers.map(({ name, operation, output, parameters, macs }) => [
    name,
    operation,
    output.join('x'),
    figure(parameters),
    figure(macs),
  ])
  const auxiliary = inference.parameters !== summary.parameters
  const totals = [
    ['this network', figure(summary.parameters), figure(summary.macs)],
    ...(auxiliary
      ? [['without its auxiliary heads', figure(inference.parameters), figure(inference.macs)]]
      : []),
    ...comparisons.map(({ name, parameters, macs }) => [name, figure(parameters), figure(macs)]),
  ]
  return [
    heading,
    '',
    table(['layer', 'operation', 'output', 'parameters', 'MACs'], rows, 3),
    '',
    table(['total', 'parameters', 'MACs'], totals, 1),
  ].join('\n')
}

function summarizeLayer({ layer, output, parameters, macs }: TracedLayer): LayerSummary {
  return {
    name: layer.name,
    kind: layer.kind,
    operation: operationText(layer),
    output: [output.channels, output.height, output.width],
    parameters: trained(parameters),
    macs,
  }
}

function operationText(layer: LayerDefinition): string {
  if (!('kernel' in layer)) return layer.kind
  const { kind, kernel, stride } = layer
  return `${kind} ${kernel}x${kernel}${stride > 1 ? `/${stride}` : ''}`
}

function trained(parameters: TracedLayer['parameters']): number {
  return parameters.reduce((sum, { shape, trainable }) => sum + (trainable ? elementCount(shape) : 0), 0)
}

function cost(layers: readonly TracedLayer[]): Cost {
  return {
    parameters: layers.reduce((sum, { parameters }) => sum + trained(parameters), 0),
    macs: layers.reduce((sum, { macs }) => sum + macs, 0),
  }
}

function costOf(definition: NetworkDefinition): Cost {
  return cost(trace(definition))
}

/** A variant without its auxiliary heads, on ImageNet. */
function compareVariant(variant: Variant): { name: string } & Cost {
  const { define, defaults } = variants[variant]
  const definition = define({ ...defaults, classes: 1000, channels: 3, imageSize: 224, aux: false })
  return {
    name: `the variant ${variant} (3x224x224, 1000 classes, the main head alone)`,
    ...costOf(definition),
  }
}

/** The layers on the way from the images to one of them. */
function neededBy(name: string, layers: readonly TracedLayer[]): TracedLayer[] {
  const needed = new Set([name])
  return layers
    .toReversed()
    .filter(({ layer }) => {
      if (!needed.has(layer.name)) return false
      for (const input of inputsOf(layer)) needed.add(input)
      return true
    })
    .toReversed()
}

function figure(value: number): string {
  return value.toLocaleString('en-US')
}
