/**
 * What a user reads when something is missing: the module, the driver, a card, NVIDIA's libraries. The real addon and
 * the real module run in child processes, with a driver and libraries that are made for it where a kind of failure
 * needs one.
 */
import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import type { CudaReport, NetworkOptions } from '../../binding.js'
import { packageRoot, packageVersion } from '../../lib/packageRoot.js'
import { tinyDefinition, tinyOptions } from '../addon/tiny.js'
import {
  addonMissing,
  copyAddon,
  librariesMissing,
  libraryEnvironment,
  moduleMissing,
  module as modulePath,
} from './libraries.js'
import { gxx } from './toolkit.js'

const run = promisify(execFile)
const here = join(packageRoot, 'test/cuda')
const folder = mkdtempSync(join(tmpdir(), 'googlenet-errors-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Outcome {
  networks: { device?: string; passedOver?: string; code?: string; message?: string }[]
  cuda: CudaReport
}

/** What comes of each of the options, with an addon at a place and nothing else in the environment. */
async function outcome(
  addon: string,
  options: Partial<NetworkOptions>[],
  env: NodeJS.ProcessEnv = {},
  elsewhere = '',
): Promise<Outcome> {
  const given = {
    definition: tinyDefinition(),
    options: options.map((each) => ({ ...tinyOptions, ...each })),
  }
  const arguments_ = [join(here, 'errors.child.mjs'), addon, JSON.stringify(given), elsewhere]
  const { stdout } = await run(process.execPath, arguments_, { env: { PATH: process.env.PATH, ...env } })
  return JSON.parse(stdout)
}

/** A folder with a copy of the addon, and of the module if it says so: nothing else is beside them. */
function place(name: string, files: { module: boolean }): { addon: string; module: string } {
  const at = join(folder, name)
  const addon = copyAddon(at)
  const module = join(at, 'googlenet-cuda.so')
  if (files.module) copyFileSync(modulePath, module)
  return { addon, module }
}

async function compile(source: string, library: string): Promise<string> {
  const at = mkdtempSync(join(folder, 'stub-'))
  await run(gxx!, ['-shared', '-fPIC', '-O1', join(here, 'stubs', source), '-o', join(at, library)])
  return at
}

const both = [{ device: 'cuda' }, { device: 'cuda:7' }]

describe.skipIf(addonMissing)('without the module', () => {
  it('a GPU is refused with the place that was looked at, and what to do', async () => {
    const { addon, module } = place('none', { module: false })
    const { networks, cuda } = await outcome(addon, both)
    for (const [i, device] of ['cuda:0', 'cuda:7'].entries()) {
      expect(networks[i]!.code).toBe('ERR_GOOGLENET_DEVICE')
      expect(networks[i]!.message).toContain(device)
      expect(networks[i]!.message).toContain(module)
      expect(networks[i]!.message).toMatch(/npm run setup/)
    }
    expect(cuda).toMatchObject({ module, driver: '', libraries: [], cards: [] })
    expect(cuda.problem).toContain(module)
  })

  it('auto is the CPU, and fp16 says why there is no GPU', async () => {
    const { addon, module } = place('auto', { module: false })
    const { networks } = await outcome(addon, [{ device: 'auto' }, { device: 'auto', precision: 'fp16' }])
    expect(networks[0]!.device).toBe('cpu')
    expect(networks[1]!.code).toBe('ERR_GOOGLENET_PRECISION')
    expect(networks[1]!.message).toContain(module)
  })

  it('a module that does not load says so', async () => {
    const { addon, module } = place('damaged', { module: false })
    writeFileSync(module, 'no library')
    const { networks, cuda } = await outcome(addon, [{ device: 'cuda' }, { device: 'auto' }])
    expect(networks[0]).toMatchObject({ code: 'ERR_GOOGLENET_DEVICE' })
    expect(networks[0]!.message).toMatch(/cannot be opened: .*googlenet-cuda\.so/)
    expect(networks[1]!.device).toBe('cpu')
    expect(cuda.problem).toMatch(/cannot be opened/)
  })

  it.skipIf(gxx === undefined)(
    'a module of another version is refused, with the command that brings the right one',
    async () => {
      const { addon } = place('version', { module: false })
      const module = join(await compile('module.cpp', 'googlenet-cuda.so'), 'googlenet-cuda.so')
      const { networks, cuda } = await outcome(addon, [{ device: 'cuda' }], {}, module)
      expect(cuda.module).toBe(module)
      expect(networks[0]).toMatchObject({ code: 'ERR_GOOGLENET_DEVICE' })
      expect(networks[0]!.message).toContain(`${module} is of googlenet 0.0.1, this is ${packageVersion}`)
      expect(networks[0]!.message).toContain(`npm install googlenet-cuda-linux-x64@${packageVersion}`)
    },
  )
})

describe('with the module', () => {
  if (moduleMissing) return it.skip(moduleMissing)
  if (gxx === undefined) return it.skip('no g++')

  it('no driver is named, with what brings one, and auto is the CPU', async () => {
    // A file that is no library is found before any driver of the machine.
    const nothing = mkdtempSync(join(folder, 'driver-'))
    writeFileSync(join(nothing, 'libcuda.so.1'), 'no library')
    const { addon, module } = place('undriven', { module: true })
    const env = { LD_LIBRARY_PATH: nothing }
    const { networks, cuda } = await outcome(addon, [...both, { device: 'auto' }], env)
    for (const [i, device] of ['cuda:0', 'cuda:7'].entries()) {
      expect(networks[i]!.code).toBe('ERR_GOOGLENET_DEVICE')
      expect(networks[i]!.message).toContain(device)
      expect(networks[i]!.message).toMatch(/no NVIDIA driver.*libcuda\.so\.1.*apt-get install/)
    }
    expect(networks[2]!.device).toBe('cpu')
    expect(cuda).toMatchObject({ module, driver: '', cards: [] })
    expect(cuda.problem).toMatch(/no NVIDIA driver/)
  })

  it('a driver that is too old, or without cards, is told from none', async () => {
    const LD_LIBRARY_PATH = await compile('driver.cpp', 'libcuda.so.1')
    const { addon } = place('driven', { module: true })
    const old = await outcome(addon, both, { LD_LIBRARY_PATH, STUB_DRIVER: '12020' })
    expect(old.networks[0]).toMatchObject({ code: 'ERR_GOOGLENET_DEVICE' })
    expect(old.networks[0]!.message).toMatch(/driver supports CUDA 12\.2.*newer driver/)
    expect(old.cuda).toMatchObject({ driver: '12.2', cards: [] })

    const none = await outcome(addon, both, {
      LD_LIBRARY_PATH,
      STUB_DRIVER: '99000',
      CUDA_VISIBLE_DEVICES: '5',
    })
    expect(none.networks[1]).toMatchObject({ code: 'ERR_GOOGLENET_DEVICE' })
    expect(none.networks[1]!.message).toMatch(/gives no GPU.*CUDA_VISIBLE_DEVICES is "5"/)
    expect(none.cuda.driver).toBe('99.0')
  })

  it('missing libraries are listed with the places looked in', async () => {
    const { addon } = place('bare', { module: true })
    const named = mkdtempSync(join(folder, 'named-'))
    const { cuda } = await outcome(addon, [], { GOOGLENET_CUDA_PATH: named })
    const names = cuda.libraries.map(({ name }) => name)
    expect(names).toEqual(
      expect.arrayContaining(['libcudnn.so.9', expect.stringMatching(/^libcublasLt\.so\.1/)]),
    )
    for (const { path, version, lookedIn } of cuda.libraries) {
      if (path !== '') continue // the system has it
      expect(version).toBe('')
      expect(lookedIn).toEqual(expect.arrayContaining([join(folder, 'bare'), named, 'the system linker']))
    }
  })

  it('a cuDNN that is too old is passed over, and named', async () => {
    const { addon } = place('outdated', { module: true })
    const named = await compile('cudnn.cpp', 'libcudnn.so.9')
    copyFileSync(join(named, 'libcudnn.so.9'), join(named, 'libcudnn_graph.so.9'))
    const { cuda } = await outcome(addon, [], { GOOGLENET_CUDA_PATH: named })
    const cudnn = cuda.libraries.find(({ name }) => name === 'libcudnn.so.9')!
    expect(cudnn.lookedIn.join('\n')).toMatch(new RegExp(`${named}/libcudnn.so.9 .*9\\.5\\.0 is older than`))
    expect(cudnn.path).not.toContain(named)
  })

  it('a cuDNN without its parts is passed over, and does not end the process', async () => {
    const { addon } = place('partial', { module: true })
    const named = await compile('cudnn.cpp', 'libcudnn.so.9')
    const { cuda } = await outcome(addon, [], { GOOGLENET_CUDA_PATH: named })
    const cudnn = cuda.libraries.find(({ name }) => name === 'libcudnn.so.9')!
    expect(cudnn.lookedIn.join('\n')).toContain(`${named}/libcudnn.so.9 (its part libcudnn_graph.so.9`)
  })

  if (librariesMissing) return it.skip(librariesMissing)
  it('libraries that are there are found with their versions', async () => {
    const { addon } = place('complete', { module: true })
    const { GOOGLENET_CUDA_PATH, LD_LIBRARY_PATH } = libraryEnvironment
    const { cuda } = await outcome(addon, [], { GOOGLENET_CUDA_PATH, LD_LIBRARY_PATH })
    for (const { name, version, path } of cuda.libraries) {
      if (name.startsWith('libnvjpeg')) continue // of pictures.test.ts; the setup fetches none
      expect(version === '' || /^\d+\.\d+/.test(version)).toBe(true)
      expect(existsSync(path)).toBe(true)
    }
  })
})
