/** Layer definitions in few words, for the table of cases. */
import type { LayerDefinition } from '../../binding.js'

export function conv(
  name: string,
  input: string,
  outChannels: number,
  kernel = 1,
  { stride = 1, padding = 0, bias = true } = {},
): LayerDefinition {
  return { kind: 'convolution', name, input, outChannels, kernel, stride, padding, bias }
}

/**
 * An epsilon of the size of variances keeps the derivatives by what comes before well above rounding: with a small
 * one, BatchNorm takes away all that scales its input, and the gradient of a scale is a difference of equals.
 */
export function norm(name: string, input: string, epsilon = 0.1, momentum = 0.1): LayerDefinition {
  return { kind: 'batchNorm', name, input, epsilon, momentum }
}

export function relu(name: string, input: string): LayerDefinition {
  return { kind: 'relu', name, input }
}

export function maxPool(
  name: string,
  input: string,
  kernel: number,
  stride = 1,
  padding = 0,
  ceil = false,
): LayerDefinition {
  return { kind: 'maxPool', name, input, kernel, stride, padding, ...(ceil && { ceil }) }
}

export function averagePool(name: string, input: string, kernel: number, stride = 1): LayerDefinition {
  return { kind: 'averagePool', name, input, kernel, stride, padding: 0 }
}

export function adaptiveAveragePool(name: string, input: string, size: number): LayerDefinition {
  return { kind: 'adaptiveAveragePool', name, input, size }
}

export function lrn(
  name: string,
  input: string,
  figures: { size: number; alpha: number; beta: number; k: number },
): LayerDefinition {
  return { kind: 'lrn', name, input, ...figures }
}

export function concat(name: string, ...inputs: string[]): LayerDefinition {
  return { kind: 'concat', name, inputs }
}

export function linear(name: string, input: string, outFeatures: number, bias = true): LayerDefinition {
  return { kind: 'linear', name, input, outFeatures, bias }
}

export function dropout(name: string, input: string, probability: number): LayerDefinition {
  return { kind: 'dropout', name, input, probability }
}

/** Convolution, BatchNorm and ReLU: the output is called `name`. */
export function block(
  name: string,
  input: string,
  outChannels: number,
  kernel = 1,
  options: { stride?: number; padding?: number; bias?: boolean } = {},
): LayerDefinition[] {
  return [
    conv(`${name}.conv`, input, outChannels, kernel, options),
    norm(`${name}.norm`, `${name}.conv`),
    relu(name, `${name}.norm`),
  ]
}
