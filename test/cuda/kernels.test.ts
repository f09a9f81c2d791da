/** Every kernel keeps its values in registers on a Hopper: the compiler's own report. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { packageRoot } from '../../lib/packageRoot.js'
import { kernelFiles, nvcc, sources } from './toolkit.js'

const FLAGS = ['-std=c++20', '-O3', '--expt-relaxed-constexpr', '-Xptxas=-v', '-Inative']

/** Of each kernel in a file: bytes on the stack, and those of them that registers were spilled to and from. */
async function compile(file: string): Promise<{ name: string; stack: number; spilled: number }[]> {
  if (nvcc === undefined) throw new Error('no nvcc')
  const target = ['--gpu-architecture=sm_90', '--cubin', '--output-file=/dev/null', `${sources}/${file}`]
  const { stderr } = await promisify(execFile)(nvcc, [...FLAGS, ...target], {
    cwd: packageRoot,
    maxBuffer: 1 << 26,
  })
  const report =
    /Compiling entry function '(\w+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/gs
  return [...stderr.matchAll(report)].map(([, name, stack, stores, loads]) => ({
    name: name ?? '',
    stack: Number(stack),
    spilled: Number(stores) + Number(loads),
  }))
}

describe('kernels compiled for compute capability 9.0', () => {
  if (nvcc === undefined) return it.skip('no nvcc')
  it.each(kernelFiles)('%s spills no register and uses no local memory', async (file) => {
    const kernels = await compile(file)
    expect(kernels.length).toBeGreaterThan(0)
    expect(kernels.filter(({ stack, spilled }) => stack > 0 || spilled > 0)).toEqual([])
  })
})
