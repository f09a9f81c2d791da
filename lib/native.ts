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
  // OpenMP's threads wait by spinning for milliseconds before they sleep, which starves whatever else wants the cores,
  // the loader's threads too: with one other busy process on two cores inference ran at a fifth. Waking costs nothing
  // measurable. libgomp reads this once, when it is loaded.
  if (process.env.OMP_WAIT_POLICY === undefined) process.env.GOMP_SPINCOUNT ??= '1000'
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
