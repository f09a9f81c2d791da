/** NVIDIA's compiler and headers, where the tests of the kernels' sources find them. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../lib/packageRoot.js'

const roots = [process.env.CUDA_HOME, process.env.CUDA_PATH, '/usr/local/cuda'].filter(
  (root) => root !== undefined,
)
const path = (process.env.PATH ?? '').split(':')

/** The first of these programs on the path, or elsewhere. */
function find(name: string, folders: readonly string[]): string | undefined {
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file))
}

export const nvcc = find('nvcc', [...roots.map((root) => join(root, 'bin')), ...path])
export const gxx = find('g++', path)

/** The folder of cuda_runtime.h. */
export const include = roots
  .map((root) => join(root, 'include'))
  .find((folder) => find('cuda_runtime.h', [folder]))

export const sources = join(packageRoot, 'native/backends/cuda')
/** Every file of kernels. */
export const kernelFiles = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.cu'),
)
