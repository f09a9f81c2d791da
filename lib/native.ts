import { createRequire } from 'node:module'
import type * as Binding from '../binding.js'
import { GoogLeNetError } from './errors.js'
import { packageRoot } from './packageRoot.js'

const require = createRequire(import.meta.url)

function loadBinding(): typeof Binding {
  try {
    const load = require('node-gyp-build') as (root: string) => typeof Binding
    return load(packageRoot)
  } catch (cause) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_BUILD',
      `the native addon could not be loaded from ${packageRoot}: ${(cause as Error).message}. ` +
        'Run "npm run setup" in the package to build it; "googlenet doctor" says what is missing.',
      { cause },
    )
  }
}

/** The addon, loaded once. */
export const binding: typeof Binding = loadBinding()
