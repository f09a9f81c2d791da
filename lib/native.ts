import { createRequire } from 'node:module'
import type * as Binding from '../binding.js'
import { GoogLeNetError } from './errors.js'
import { packageRoot } from './packageRoot.js'
import { checkProcessor } from './processor.js'

const require = createRequire(import.meta.url)

/** The package that brings the CUDA module; the addon knows it by its path. */
const CUDA_MODULE = 'googlenet-cuda-linux-x64/googlenet-cuda.so'

function loadBinding(): typeof Binding {
  checkProcessor()
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

/** Undefined where the package is not installed. */
function findCudaModule(): string | undefined {
  try {
    return require.resolve(CUDA_MODULE)
  } catch {
    return undefined
  }
}

/** The addon, loaded once. */
export const binding: typeof Binding = loadBinding()

const cudaModule = findCudaModule()
if (cudaModule !== undefined) binding.useCudaModule(cudaModule)
