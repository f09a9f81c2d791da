import { GoogLeNetError } from '../errors.js'
import type { Variant } from '../models/variants.js'
import { type CreateOptions, checkModelOptions, type ModelOptions } from '../options.js'
import type { StateDict } from '../tensors.js'
import type { ModelFile } from './modelFile.js'

/** The variant that a state dict's names and shapes show, if it is one of a GoogLeNet. */
export function detectVariant(dict: StateDict): Variant | undefined {
  const second = dict.get('stem_conv.4.weight')?.shape
  if (second?.length !== 4 || !dict.has('stem_conv.0.weight')) return undefined
  if (second[2] === 3) return 'seed'
  return dict.has('stem_conv.1.weight') ? 'torchvision' : 'paper'
}

/**
 * The options of a file's network: those that it says, or what names and shapes show. These do not show the size of
 * images, for which weights are the same.
 *
 * @throws ERR_GOOGLENET_WEIGHTS_FORMAT when the file shows neither.
 */
export function optionsOfFile(path: string, file: ModelFile): ModelOptions {
  const options = file.options ?? (file.kind === 'weights' && detectOptions(file.weights))
  if (options) return options
  throw new GoogLeNetError(
    'ERR_GOOGLENET_WEIGHTS_FORMAT',
    `${path} holds weights without the options of their network, and not under a GoogLeNet's names; ` +
      'create a network and load() them',
  )
}

function detectOptions(dict: StateDict): ModelOptions | undefined {
  const variant = detectVariant(dict)
  const side = (name: string, axis: number) => dict.get(name)?.shape[axis]
  const classes = side('fc.weight', 0)
  const channels = side('stem_conv.0.weight', 1)
  const reduction4d = side('inception_branch_d4.branch2.0.weight', 0)
  if (!variant || !classes || !channels || !reduction4d) return undefined
  const options: CreateOptions = { variant, classes, channels, reduction4d }
  return checkModelOptions({ ...options, aux: dict.has('aux_fc1.fc.3.weight') })
}

/** @throws ERR_GOOGLENET_WEIGHTS_UNEXPECTED when the weights are another variant's. */
export function checkVariant(path: string, weights: StateDict, variant: Variant): void {
  const found = detectVariant(weights)
  if (!found || found === variant) return
  throw new GoogLeNetError(
    'ERR_GOOGLENET_WEIGHTS_UNEXPECTED',
    `${path} holds weights of the variant ${found}, the network is of ${variant}; create one with variant: '${found}'`,
  )
}
