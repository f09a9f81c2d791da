/**
 * What the tests of the CUDA module find without a card: the addon and the module, and NVIDIA's libraries as scripts/setup fetches
 * them into build/cuda. A dynamic linker reads its path once, so such tests run in child processes with this
 * environment.
 */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../lib/packageRoot.js'

const built = join(packageRoot, 'build/Release')
export const module = join(built, 'googlenet-cuda.so')

/** Why there is no addon to copy; undefined: there is. */
export const addonMissing = existsSync(join(built, 'googlenet.node')) ? undefined : 'no addon'

/** Copies the addon into a folder, which need not be there; returns the path to load. */
export function copyAddon(folder: string): string {
  mkdirSync(folder, { recursive: true })
  for (const name of ['googlenet.node', 'googlenet-addon.so'])
    copyFileSync(join(built, name), join(folder, name))
  return join(folder, 'googlenet.node')
}

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
