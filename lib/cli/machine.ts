import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { availableParallelism, cpus, freemem, release, totalmem } from 'node:os'
import { join } from 'node:path'
import type { CudaReport, SystemReport } from '../../binding.js'
import { packageRoot, packageVersion } from '../packageRoot.js'
import { processorFlags } from '../processor.js'

/** What `doctor` finds; `addon` is the native part, which may be absent. */
export interface MachineReport {
  package: { version: string; path: string; node: string; system: string }
  cpu: { model: string; cores: number; features: string[] }
  memory: { total: number; free: number }
  addon: ({ loaded: true } & SystemReport) | { loaded: false; reason: string }
  gpu: GpuReport
  missing: Need[]
}

/** What the system shows of NVIDIA GPUs; `addon.cuda` says what networks can use of them. */
export interface GpuReport {
  devices: string[]
  /** The version of the kernel's module. */
  driver?: string
}

/** Something that is not there, what it is for, and the command that brings it. */
export interface Need {
  what: string
  neededFor: string
  command: string
}

/** Instruction sets that oneDNN chooses its kernels by, as Linux names them. */
const telling = [
  'sse4_1',
  'avx',
  'avx2',
  'fma',
  'avx512f',
  'avx512_vnni',
  'avx512_bf16',
  'avx512_fp16',
  'amx_bf16',
]

/** Looks the machine over; needs nothing but Node.js. `root` is where the file system begins, for tests. */
export async function inspectMachine(root = '/'): Promise<MachineReport> {
  const gpu = findGpu(root)
  const addon = await loadAddon()
  return {
    package: {
      version: packageVersion,
      path: packageRoot,
      node: process.versions.node,
      system: `${process.platform} ${release()}, ${process.arch}`,
    },
    cpu: {
      model: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      features: cpuFeatures(root),
    },
    memory: { total: totalmem(), free: freemem() },
    addon,
    gpu,
    missing: addon.loaded ? gpuNeeds(gpu, addon.cuda) : addonNeeds(root),
  }
}

async function loadAddon(): Promise<MachineReport['addon']> {
  try {
    const { binding } = await import('../native.js')
    return { loaded: true, ...binding.system() }
  } catch (error) {
    return { loaded: false, reason: (error as Error).message }
  }
}

function cpuFeatures(root: string): string[] {
  const flags = processorFlags(readText(join(root, 'proc/cpuinfo')) ?? '')
  return telling.filter((feature) => flags.includes(feature))
}

function findGpu(root: string): GpuReport {
  const device = join(root, 'dev')
  const devices = (existsSync(device) ? readdirSync(device) : []).filter((name) => /^nvidia\d+$/.test(name))
  const driver = /Kernel Module\s+(?:for \S+\s+)?([\d.]+)/.exec(
    readText(join(root, 'proc/driver/nvidia/version')) ?? '',
  )
  return {
    devices: devices.map((name) => `/dev/${name}`),
    ...(driver?.[1] ? { driver: driver[1] } : {}),
  }
}

function addonNeeds(root: string): Need[] {
  const found = (...paths: string[]) => paths.some((path) => existsSync(join(root, path)))
  const present = {
    'g++': found('usr/bin/g++'),
    make: found('usr/bin/make'),
    cmake: found('usr/bin/cmake', 'usr/local/bin/cmake'),
    'libdnnl-dev': found('usr/include/dnnl.hpp', 'usr/include/x86_64-linux-gnu/dnnl.hpp'),
    'libjpeg-dev': found('usr/include/jpeglib.h'),
    'libpng-dev': found('usr/include/png.h'),
  }
  const packages = Object.entries(present)
    .filter(([, there]) => !there)
    .map(([name]) => name)
  const build = { what: 'the native addon', neededFor: 'everything', command: 'npm run setup' }
  if (packages.length === 0) return [build]
  const command = `apt-get update && apt-get install -y ${packages.join(' ')}`
  return [{ what: packages.join(', '), neededFor: 'building the native addon', command }, build]
}

/** An installed package has no sources of TypeScript. */
const isClone = existsSync(join(packageRoot, 'lib'))

/** What brings each of NVIDIA's libraries, by the beginning of its name. */
const packages = {
  libcudnn: 'nvidia-cudnn-cu13',
  libcublas: 'nvidia-cublas',
  libnvrtc: 'nvidia-cuda-nvrtc',
  libnvjpeg: 'nvidia-nvjpeg',
}

/** Whether networks do without the library: it decodes pictures. */
export const isForPictures = (library: string): boolean => library.startsWith('libnvjpeg')

/** What a machine with a GPU lacks for it; nothing for one without. */
export function gpuNeeds({ devices, driver }: GpuReport, cuda: CudaReport): Need[] {
  if (devices.length === 0) return []
  const pictures = cuda.libraries.filter(({ name }) => isForPictures(name))
  const needs = libraryNeeds(pictures, 'decoder cuda')
  return cuda.problem === '' ? needs : [...networkNeeds(driver, cuda), ...needs]
}

function networkNeeds(driver: string | undefined, cuda: CudaReport): Need[] {
  const needs: Need[] = []
  const need = (what: string, command: string) => needs.push({ what, neededFor: 'device cuda', command })
  if (driver === undefined && cuda.driver === '') need("NVIDIA's driver", 'apt-get install -y nvidia-driver')
  if (!existsSync(cuda.module)) {
    if (isClone) need('the CUDA module and nvcc 12.8 or later to build it', 'npm run setup')
    else need('the CUDA module', `npm install googlenet-cuda-linux-x64@${packageVersion}`)
  }
  const libraries = cuda.libraries.filter(({ name }) => !isForPictures(name))
  return [...needs, ...libraryNeeds(libraries, 'device cuda')]
}

function libraryNeeds(libraries: CudaReport['libraries'], neededFor: string): Need[] {
  return libraries.flatMap(({ name, path }) => {
    const brings = Object.entries(packages).find(([start]) => name.startsWith(start))?.[1]
    return path === '' && brings ? [{ what: name, neededFor, command: `pip install ${brings}` }] : []
  })
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
