/**
 * Our kernels on the host: emulated/emulator.h makes C++ of them, the programs beside it run each on random scenes
 * (odd sizes, padded rows, slices, every precision), under the address and undefined-behaviour sanitizers, with the
 * threads in two orders, and compare with plain references in double.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../lib/packageRoot.js'
import { compileAll, gxx, include, kernelFiles, sources } from './toolkit.js'

const run = promisify(execFile)
const folder = join(packageRoot, 'test/cuda/emulated')
const CHECKS = [
  'input',
  'element-wise',
  'max pool',
  'average pool',
  'batch norm',
  'batch norm backward',
  'batch norm inference',
  'pooled batch norm',
  'pooled batch norm backward',
  'lrn',
  'softmax',
  'around products',
  'weights',
  'optimizer',
  'pictures',
]

/** What resizes pictures on the CPU. */
const resizer = ['filter', 'resizer', 'kernels'].map((name) => `../../images/${name}.cpp`)

const files = [
  ...readdirSync(folder)
    .filter((file) => file.endsWith('.cpp'))
    .map((file) => join(folder, file)),
  ...[...kernelFiles, 'runtime.cpp', 'staging.cpp', '../backend.cpp', ...resizer].map((file) =>
    join(sources, file),
  ),
]

async function build(compiler: string, headers: string, out: string): Promise<string> {
  const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']
  const warnings = ['-Wall', '-Wextra', '-Werror', '-Wno-unknown-pragmas']
  const flags = [
    '-std=c++20',
    '-O1',
    '-g',
    '-fno-pie',
    ...sanitizers,
    ...warnings,
    '-isystem',
    headers,
    '-Inative',
  ]
  const emulator = ['-include', join(folder, 'emulator.h'), '-x', 'c++']
  const objects = await compileAll(compiler, [...flags, ...emulator], files, out)
  const program = join(out, 'emulated')
  // Of the backend and of CUDA's runtime it has what the kernels need; the rest is never called.
  await run(compiler, [
    ...sanitizers,
    '-no-pie',
    '-Wl,--unresolved-symbols=ignore-all',
    ...objects,
    '-o',
    program,
  ])
  return program
}

describe('kernels on an emulated device', () => {
  const compiler = gxx
  if (compiler === undefined) return it.skip('no g++')
  const headers = include
  if (headers === undefined) return it.skip('no headers of CUDA')
  const out = mkdtempSync(join(tmpdir(), 'googlenet-emulated-'))
  let program = ''
  beforeAll(async () => {
    program = await build(compiler, headers, out)
  }, 300_000)
  afterAll(() => rmSync(out, { recursive: true }))

  it.each(CHECKS)('%s', async (check) => {
    const found = await run(program, [check]).then(
      ({ stdout }) => stdout,
      ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}${stderr.slice(0, 4000)}`,
    )
    expect(found).toBe('60 scenes\n')
  })

  it('knows a check that is not there', async () => {
    await expect(run(program, ['nothing'])).rejects.toMatchObject({ stdout: '0 scenes\n' })
  })
})
