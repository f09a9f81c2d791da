import type { NetworkDefinition } from '../../binding.js'
import type { InceptionModule } from './blocks.js'
import type { VariantOptions } from './body.js'
import { paper } from './paper.js'
import { seed } from './seed.js'
import { torchvision } from './torchvision.js'

export type Variant = 'seed' | 'paper' | 'torchvision'

interface VariantRules {
  define(options: VariantOptions, module?: InceptionModule): NetworkDefinition
  /** What options are when they are not given. */
  defaults: Pick<VariantOptions, 'reduction4d' | 'auxDropout' | 'dropout'>
}

/** The networks that can be created. */
export const variants: Readonly<Record<Variant, VariantRules>> = {
  seed: { define: seed, defaults: { reduction4d: 114, auxDropout: 0.5, dropout: 0 } },
  paper: { define: paper, defaults: { reduction4d: 144, auxDropout: 0.7, dropout: 0.4 } },
  torchvision: { define: torchvision, defaults: { reduction4d: 144, auxDropout: 0.7, dropout: 0.2 } },
}

export const variantNames = Object.keys(variants) as Variant[]
