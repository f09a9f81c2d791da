import type { LayerDefinition } from '../../binding.js'
import { checkNumber } from '../checks.js'
import { GoogLeNetError } from '../errors.js'

/** A layer's tensor without the batch dimension: C, H, W. */
export interface Shape {
  readonly channels: number
  readonly height: number
  readonly width: number
}

export type Kind = LayerDefinition['kind']

/** The definition of one kind of layer. */
export type LayerOf<K extends Kind> = Extract<LayerDefinition, { kind: K }>

/** A layer before it has a name and an input: what the constructors make and a builder places. */
export type Unplaced<K extends Kind = Kind> = K extends Kind
  ? Omit<LayerOf<K>, 'name' | 'input' | 'inputs'>
  : never

/** One tensor of a layer; its name in a state dict is `<layer>.<name>`. */
export interface ParameterDefinition {
  name: string
  shape: readonly number[]
  /** Running statistics are kept and saved, but not trained and not counted as parameters. */
  trainable: boolean
}

/** What has to be known of a kind of layer to define and to count a network. */
export interface LayerRules<L extends LayerDefinition = LayerDefinition> {
  /** @throws ERR_GOOGLENET_OPTION for a wrong figure, ERR_GOOGLENET_SHAPE for an input that does not fit. */
  output(layer: L, inputs: readonly [Shape, ...Shape[]]): Shape
  parameters(layer: L, input: Shape): ParameterDefinition[]
  /** Multiply-accumulates for one image; 0 for what is not a product of matrices. */
  macs(layer: L, input: Shape, output: Shape): number
}

export const noParameters = () => []
export const noMacs = () => 0

/** For layers that change values, not shapes. */
export const sameAsInput = (_layer: LayerDefinition, [input]: readonly [Shape, ...Shape[]]) => input

export function shapeText({ channels, height, width }: Shape): string {
  return `${channels}x${height}x${width}`
}

/** @throws ERR_GOOGLENET_OPTION naming the layer. */
export function checkCount(layer: LayerDefinition, name: string, value: number, min = 1, max?: number): void {
  checkNumber(`layer "${layer.name}": ${name}`, value, {
    min,
    ...(max === undefined ? {} : { max }),
    whole: true,
  })
}

/**
 * Height and width after a square window has slid over the input, rounded down; with `ceil` up, but for a window that
 * would begin beyond the input.
 */
export function slide(
  layer: LayerDefinition & { kernel: number; stride: number; padding: number; ceil?: boolean },
  input: Shape,
): { height: number; width: number } {
  checkCount(layer, 'kernel', layer.kernel)
  checkCount(layer, 'stride', layer.stride)
  checkCount(layer, 'padding', layer.padding, 0, layer.kernel - 1)
  const along = (side: number) => windowsAlong(side, layer)
  const height = along(input.height)
  const width = along(input.width)
  if (height < 1 || width < 1) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_SHAPE',
      `layer "${layer.name}": its window of ${layer.kernel} does not fit the input ${shapeText(input)}`,
    )
  }
  return { height, width }
}

function windowsAlong(
  side: number,
  {
    kernel,
    stride,
    padding,
    ceil = false,
  }: { kernel: number; stride: number; padding: number; ceil?: boolean },
): number {
  const steps = (side + 2 * padding - kernel) / stride
  if (!ceil) return Math.floor(steps) + 1
  const windows = Math.ceil(steps) + 1
  return (windows - 1) * stride >= side + padding ? windows - 1 : windows
}
