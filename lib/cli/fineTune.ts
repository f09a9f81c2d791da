import { GoogLeNetError } from '../errors.js'
import type { GoogLeNet } from '../network.js'
import { sameShape } from '../tensors.js'
import { checkVariant } from '../weights/detect.js'
import type { ModelFile } from '../weights/modelFile.js'

/** The last layer of each head: the ones whose size is the number of classes. */
const classifiers = ['fc.', 'aux_fc1.fc.3.', 'aux_fc2.fc.3.']

/**
 * Begins a network with the weights of another, trained on classes that may be others: then the last layer of each
 * head keeps its initial weights. The other's auxiliary heads may be absent.
 *
 * @returns what kept its initial weights, by layer.
 * @throws ERR_GOOGLENET_WEIGHTS_FORMAT, ERR_GOOGLENET_WEIGHTS_UNEXPECTED for another variant's weights,
 * ERR_GOOGLENET_SHAPE for a network of other widths.
 */
export async function loadForFineTuning(net: GoogLeNet, path: string, file: ModelFile): Promise<string[]> {
  const weights = file.kind === 'checkpoint' ? file.snapshot.weights : file.weights
  checkVariant(path, weights, net.options.variant)
  const own = await net.stateDict()
  const otherClasses =
    file.options !== undefined && file.options.labels.join('\n') !== net.options.labels.join('\n')
  for (const [name, tensor] of weights) {
    if (!classifiers.some((classifier) => name.startsWith(classifier))) continue
    const expected = own.get(name)
    if (otherClasses || (expected && !sameShape(expected.shape, tensor.shape))) weights.delete(name)
  }
  const { missing } = await net.loadStateDict(weights, { strict: false })
  if (missing.some((name) => name.startsWith('stem_conv.'))) {
    throw new GoogLeNetError('ERR_GOOGLENET_WEIGHTS_MISSING', `${path} holds no weights of a GoogLeNet`)
  }
  return [...new Set(missing.map((name) => name.slice(0, name.lastIndexOf('.'))))]
}
