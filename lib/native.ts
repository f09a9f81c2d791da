import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type * as Binding from '../binding.js'
import { GoogLeNetError } from './errors.js'

const require = createRequire(import.meta.url)

/** The package's root: this file runs as `lib/native.ts` under the tests and as `dist/lib/native.js` installed. */
export const packageRoot = (() => {
  const here = dirname(fileURLToPath(import.meta.url))
  return here.endsWith(join('dist', 'lib')) ? join(here, '..', '..') : join(here, '..')
})()

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
