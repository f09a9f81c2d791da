/**
 * The CUDA backend's host side, that is what happens when: cards that are refused, batches on their way to the device,
 * recorded programs, steps in flight, what fails, memory that runs out. CUDA's runtime is played by host/device.cpp, whose streams
 * overtake each other at random, under the address and undefined-behaviour sanitizers.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../lib/packageRoot.js'
import { compileAll, gxx, include } from './toolkit.js'

const run = promisify(execFile)
const cpp = (folder: string, names = readdirSync(join(packageRoot, folder))) =>
  names.filter((name) => name.endsWith('.cpp')).map((name) => join(folder, name))
const sources = [
  ...cpp('test/cuda/host'),
  ...cpp('native/backends/cuda', ['cards.cpp', 'runtime.cpp', 'staging.cpp', 'program.cpp', 'cuda.cpp']),
  'native/backends/cuda/cudnn/timing.cpp',
  ...cpp('native/backends'),
  ...cpp('native/graph'),
]

async function build(compiler: string, headers: string, out: string): Promise<string> {
  const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']
  // What is in shadow/ goes before the backend's own headers.
  const folders = ['-Itest/cuda/host/shadow', '-Itest/cuda/host', '-Inative', '-isystem', headers]
  const flags = ['-std=c++20', '-O1', '-g', ...sanitizers, '-Wall', '-Wextra', '-Werror', ...folders]
  const objects = await compileAll(compiler, flags, sources, out)
  const program = join(out, 'checks')
  await run(compiler, [...sanitizers, ...objects, '-ldl', '-o', program])
  const driver = ['-shared', '-fPIC', '-isystem', headers, join(packageRoot, 'test/cuda/stubs/cards.cpp')]
  await run(compiler, [...driver, '-o', join(out, 'libcuda.so.1')])
  return program
}

describe('the host side of the CUDA backend', () => {
  const [compiler, headers] = [gxx, include]
  if (compiler === undefined) return it.skip('no g++')
  if (headers === undefined) return it.skip('no headers of CUDA')
  const out = mkdtempSync(join(tmpdir(), 'googlenet-host-'))
  let program = ''
  beforeAll(async () => {
    program = await build(compiler, headers, out)
  }, 600_000)
  afterAll(() => rmSync(out, { recursive: true }))

  const checks = ['cards', 'calls', 'recording', 'plain', 'failures', 'ends', 'timing', 'profile', 'memory']
  it.each(checks)('%s', async (check) => {
    const env = { ...process.env, LD_LIBRARY_PATH: out }
    const found = await run(program, [check], { env }).then(
      ({ stdout }) => stdout,
      ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}${stderr.slice(0, 4000)}`,
    )
    expect(found).toBe('good\n')
  })
})
