/** What cuDNN's plans leave on disk: engines that were timed, and plans that were compiled (kept/checks.cpp). */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../lib/packageRoot.js'
import { driverMissing, librariesMissing, libraryEnvironment } from './libraries.js'
import { gxx, include, sources } from './toolkit.js'

const run = promisify(execFile)

/** The folder of cudnn_graph.h, where cmake/cuda.cmake looks too. */
const cudnn = [join(packageRoot, 'build/cuda/nvidia/cudnn/include'), include, '/usr/include'].find(
  (folder) => folder !== undefined && existsSync(join(folder, 'cudnn_graph.h')),
)
const files = [
  'libraries',
  'library_search',
  'cudnn/descriptor',
  'cudnn/engine',
  'cudnn/graph',
  'cudnn/plan_cache',
]

describe('plans that are kept', () => {
  const [compiler, headers] = [gxx, include]
  if (compiler === undefined) return it.skip('no g++')
  if (headers === undefined || cudnn === undefined) return it.skip('no headers of CUDA and cuDNN')
  const out = mkdtempSync(join(tmpdir(), 'googlenet-kept-'))
  const program = join(out, 'checks')
  beforeAll(async () => {
    const flags = [
      '-std=c++20',
      '-O1',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-Inative',
      '-isystem',
      headers,
      '-isystem',
      cudnn,
    ]
    const code = ['test/cuda/kept/checks.cpp', ...files.map((name) => join(sources, `${name}.cpp`))]
    await run(compiler, [...flags, ...code, '-ldl', '-o', program], { cwd: packageRoot })
  }, 300_000)
  afterAll(() => rmSync(out, { recursive: true }))

  const outcome = (...words: string[]) =>
    run(program, words, { env: libraryEnvironment }).then(
      ({ stdout }) => stdout,
      ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}${stderr}`,
    )

  it('files are read again; damaged ones are none, and written anew', async () => {
    expect(await outcome('files', out)).toBe('good\n')
  })

  it.skipIf(librariesMissing)('NVRTC is open with the half that it opens when it compiles', async () => {
    expect(await outcome('compiler')).toBe('good\n')
  })

  it.skipIf(driverMissing)('a compiled plan is the same when it is read again', async () => {
    const device = join(packageRoot, 'test/cuda/devices/h200.device.json')
    expect(await outcome('plans', device)).toBe('good\n')
  })
})
