import type { LayerDefinition } from '../../../binding.js'
import type { Kind, LayerOf, LayerRules } from '../layer.js'
import { adaptiveAveragePoolRules } from './adaptiveAveragePool.js'
import { averagePoolRules } from './averagePool.js'
import { batchNormRules } from './batchNorm.js'
import { concatRules } from './concat.js'
import { convolutionRules } from './convolution.js'
import { dropoutRules } from './dropout.js'
import { linearRules } from './linear.js'
import { lrnRules } from './lrn.js'
import { maxPoolRules } from './maxPool.js'
import { reluRules } from './relu.js'

export { adaptiveAveragePool } from './adaptiveAveragePool.js'
export { averagePool, averagePoolTo, globalAveragePool } from './averagePool.js'
export { batchNorm } from './batchNorm.js'
export { concat } from './concat.js'
export { convolution } from './convolution.js'
export { dropout } from './dropout.js'
export { linear } from './linear.js'
export { lrn } from './lrn.js'
export { maxPool } from './maxPool.js'
export { relu } from './relu.js'

const rules: { [K in Kind]: LayerRules<LayerOf<K>> } = {
  adaptiveAveragePool: adaptiveAveragePoolRules,
  averagePool: averagePoolRules,
  batchNorm: batchNormRules,
  concat: concatRules,
  convolution: convolutionRules,
  dropout: dropoutRules,
  linear: linearRules,
  lrn: lrnRules,
  maxPool: maxPoolRules,
  relu: reluRules,
}

export function rulesOf(layer: LayerDefinition): LayerRules {
  return rules[layer.kind]
}
