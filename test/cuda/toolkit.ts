/** NVIDIA's compiler and headers, where the tests of the kernels' sources find them. */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
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

/** Compiles files two at a time into a folder; returns the objects, in the order of the files. */
export async function compileAll(
  compiler: string,
  flags: readonly string[],
  files: readonly string[],
  folder: string,
): Promise<string[]> {
  const queue = files.map((file, index) => ({ file, object: join(folder, `${index}.o`) }))
  const objects = queue.map(({ object }) => object)
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const command = [...flags, '-c', next.file, '-o', next.object]
      await promisify(execFile)(compiler, command, { cwd: packageRoot })
    }
  }
  await Promise.all([worker(), worker()])
  return objects
}
