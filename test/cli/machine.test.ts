import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CudaReport } from '../../binding.js'
import { gpuNeeds, inspectMachine } from '../../lib/cli/machine.js'

let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'googlenet-machine-'))
})
afterEach(() => rm(root, { recursive: true }))

async function place(files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), text)
  }
}

const driver = {
  'dev/nvidia0': '',
  'dev/nvidia1': '',
  'dev/nvidiactl': '',
  'proc/driver/nvidia/version':
    'NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\nGCC version:  12\n',
}

/** As a module reports that finds all but the named libraries. */
function moduleReport(...missing: string[]): CudaReport {
  const names = ['libcudnn.so.9', 'libcublasLt.so.13', 'libcublas.so.13', 'libnvrtc.so.13', 'libnvjpeg.so.13']
  const libraries = names.map((name) => ({
    name,
    version: missing.includes(name) ? '' : '1.2.3',
    path: missing.includes(name) ? '' : `/usr/lib/${name}`,
    lookedIn: ['the system linker'],
  }))
  const problem = missing.length > 0 ? `${missing[0]} was not found` : ''
  return { module: import.meta.filename, problem, driver: '13.0', libraries, cards: [] }
}

const gpu = { devices: ['/dev/nvidia0'], driver: '580.65.06' }

test('a machine without a GPU misses nothing of one', async () => {
  const { gpu, missing } = await inspectMachine(root)
  expect(gpu.devices).toEqual([])
  expect(gpu.driver).toBeUndefined()
  expect(missing.filter((need) => need.neededFor === 'device cuda')).toEqual([])
})

test('the devices and the driver are those that the kernel shows', async () => {
  await place(driver)
  const { gpu } = await inspectMachine(root)
  expect(gpu).toEqual({ devices: ['/dev/nvidia0', '/dev/nvidia1'], driver: '550.54.15' })
})

test('a GPU without cuDNN and cuBLAS: what brings them', () => {
  const needs = gpuNeeds(gpu, moduleReport('libcudnn.so.9', 'libcublasLt.so.13'))
  expect(needs.map(({ what, command }) => [what, command])).toEqual([
    ['libcudnn.so.9', 'pip install nvidia-cudnn-cu13'],
    ['libcublasLt.so.13', 'pip install nvidia-cublas'],
  ])
})

test('a GPU that can be used misses nothing', () => {
  expect(gpuNeeds(gpu, moduleReport())).toEqual([])
})

test('a GPU that can be used, without nvJPEG: what brings it', () => {
  const pictures = {
    what: 'libnvjpeg.so.13',
    neededFor: 'decoder cuda',
    command: 'pip install nvidia-nvjpeg',
  }
  expect(gpuNeeds(gpu, { ...moduleReport('libnvjpeg.so.13'), problem: '' })).toEqual([pictures])
})

test('a GPU without the CUDA module: what builds it', () => {
  const absent = {
    ...moduleReport(),
    module: join(root, 'googlenet-cuda.so'),
    libraries: [],
    problem: 'not there',
  }
  expect(gpuNeeds(gpu, absent).map(({ command }) => command)).toEqual(['npm run setup'])
})

test('the open kernel module says its version too', async () => {
  await place({
    ...driver,
    'proc/driver/nvidia/version':
      'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build\n',
  })
  const { gpu } = await inspectMachine(root)
  expect(gpu.driver).toBe('570.86.15')
})

test('a device without a driver misses the driver', () => {
  const report = { ...moduleReport(), driver: '', problem: 'no NVIDIA driver was found' }
  expect(gpuNeeds({ devices: ['/dev/nvidia0'] }, report).map(({ what }) => what)).toEqual(["NVIDIA's driver"])
})

test("the CPU's features are those that kernels are chosen by", async () => {
  await place({
    'proc/cpuinfo': 'processor\t: 0\nflags\t\t: fpu avx avx2 fma ssse3 avx512f\nbugs\t\t: none\n',
  })
  const { cpu } = await inspectMachine(root)
  expect(cpu.features).toEqual(['avx', 'avx2', 'fma', 'avx512f'])
})
