/**
 * What the tests of the CUDA module find without a card: the module, and NVIDIA's libraries as scripts/setup fetches
 * them into build/cuda. A dynamic linker reads its path once, so such tests run in child processes with this
 * environment.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../lib/packageRoot.js'

export const module = join(packageRoot, 'build/Release/googlenet-cuda.so')

const folder = join(packageRoot, 'build/cuda')
const driver = join(folder, 'driver')
/** A libcuda.so.1 that is loaded as root makes /dev/nvidiactl, card or no card. */
const cardThere = existsSync('/dev/nvidia0')

/** Why the module can't be tested here; undefined: it can. */
export const moduleMissing = existsSync(module) ? undefined : 'the CUDA module was not built (no nvcc)'

/** Why no plan can be made for a card that is described. */
export const librariesMissing =
  moduleMissing ??
  (existsSync(join(folder, 'nvidia/cudnn'))
    ? undefined
    : 'cuDNN is not in build/cuda (npm run setup -- --dev)')

/** Why engines that cuDNN compiles at run time can't be planned: they need a libcuda.so.1 that loads. */
export const driverMissing =
  librariesMissing ??
  (existsSync(join(driver, 'libcuda.so.1')) || cardThere
    ? undefined
    : "no libcuda.so.1 (Debian's libcuda1) in build/cuda/driver")

/** For a child process that finds cuDNN and cuBLAS, and a driver library that knows no card. */
export const libraryEnvironment: NodeJS.ProcessEnv = {
  ...process.env,
  GOOGLENET_CUDA_PATH: folder,
  LD_LIBRARY_PATH: [process.env.LD_LIBRARY_PATH, cardThere ? undefined : driver].filter(Boolean).join(':'),
}
