import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { inspectMachine } from '../../lib/cli/machine.js'

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
  'usr/lib/x86_64-linux-gnu/libcuda.so.1': '',
}

test('a machine without a GPU misses nothing of one', async () => {
  const { gpu, missing } = await inspectMachine(root)
  expect(gpu.devices).toEqual([])
  expect(gpu.driver).toBeUndefined()
  expect(missing.filter((need) => need.neededFor === 'device cuda')).toEqual([])
})

test('a GPU without cuDNN and cuBLAS: what is there, and what brings the rest', async () => {
  await place(driver)
  const { gpu, missing } = await inspectMachine(root)
  expect(gpu.devices).toEqual(['/dev/nvidia0', '/dev/nvidia1'])
  expect(gpu.driver).toBe('550.54.15')
  expect(gpu.libraries.cuda).toBe(join(root, 'usr/lib/x86_64-linux-gnu/libcuda.so.1'))
  const needs = missing.filter((need) => need.neededFor === 'device cuda')
  expect(needs.map((need) => need.command)).toEqual([
    expect.stringContaining('cudnn9'),
    expect.stringContaining('libcublas'),
  ])
})

test('the open kernel module says its version too; libraries are found in every usual place', async () => {
  await place({
    ...driver,
    'proc/driver/nvidia/version':
      'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build\n',
    'usr/local/cuda/lib64/libcublas.so.12': '',
    'usr/lib64/libcudnn.so.9': '',
  })
  const { gpu, missing } = await inspectMachine(root)
  expect(gpu.driver).toBe('570.86.15')
  expect(missing.filter((need) => need.neededFor === 'device cuda')).toEqual([])
})

test('a device without a driver misses the driver', async () => {
  await place({ 'dev/nvidia0': '' })
  const { missing } = await inspectMachine(root)
  expect(missing.map((need) => need.what)).toContain("NVIDIA's driver")
})

test("the CPU's features are those that kernels are chosen by", async () => {
  await place({
    'proc/cpuinfo': 'processor\t: 0\nflags\t\t: fpu avx avx2 fma ssse3 avx512f\nbugs\t\t: none\n',
  })
  const { cpu } = await inspectMachine(root)
  expect(cpu.features).toEqual(['avx', 'avx2', 'fma', 'avx512f'])
})
