/**
 * Pictures decoded by nvJPEG, without a card: the real addon runs in child processes beside a module whose device is the
 * host (pictures/module.cpp, the real decoder, its kernels by emulated/emulator.h) and a libnvjpeg that is libjpeg
 * (stubs/nvjpeg.cpp), which ends the process where the real one's rules are broken.
 */
import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CudaReport, Loader, Picture, PictureTransform } from '../../binding.js'
import { batches } from '../../lib/index.js'
import { binding } from '../../lib/native.js'
import { packageRoot, packageVersion } from '../../lib/packageRoot.js'
import { googlenet, jsonLines } from '../cli/command.js'
import { difference, evaluation, fixture, fixtureBytes, training } from '../images/helpers.js'
import { addonMissing, copyAddon, moduleMissing, module as modulePath } from './libraries.js'
import { compileAll, gxx, include, sources } from './toolkit.js'

const run = promisify(execFile)
const here = join(packageRoot, 'test/cuda')
const folder = mkdtempSync(join(tmpdir(), 'googlenet-pictures-'))
afterAll(() => rmSync(folder, { recursive: true }))

type Options = ConstructorParameters<typeof Loader>[0]
interface Job {
  options?: Partial<Options>
  pictures: { source: Exclude<Picture['source'], Uint8Array>; index: number }[]
  transform: PictureTransform
  repeat?: number
}
type Outcome = {
  data: string
  positions: number[]
  failures: { position: number; reason: string }[]
  onGpu: number
  same: boolean
  code?: string
  message?: string
}

/** What comes of jobs, with the addon of a folder and nothing else in the environment. */
function decodeIn(at: string, jobs: Job[], env: NodeJS.ProcessEnv) {
  const given = jobs.map((job) => ({ ...job, options: { threads: 2, channels: 3, ...job.options } }))
  return new Promise<{ outcomes: Outcome[]; cuda: CudaReport }>((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [join(here, 'pictures.child.mjs'), join(at, 'googlenet.node')],
      { env: { PATH: process.env.PATH, ...env }, maxBuffer: 1 << 28 },
      (error, stdout, stderr) =>
        error ? reject(new Error(stderr, { cause: error })) : resolve(JSON.parse(stdout)),
    )
    child.stdin!.end(JSON.stringify(given))
  })
}

/** A folder with a copy of the addon, and nothing beside it. */
function place(name: string): string {
  const at = join(folder, name)
  copyAddon(at)
  return at
}

const isPicture = (name: string) => /\.(jpe?g|png)$/.test(name)
const files = readdirSync(fixture('')).filter(isPicture)
const others = ['progressive', 'cmyk', 'ycck', 'png']
/** JPEGs of one scan, grey or YCbCr: what nvJPEG is given. */
const forGpu = files.filter((name) => !others.some((other) => name.includes(other)))
const asPictures = (names: readonly string[]) =>
  names.map((name, index) => ({ source: fixture(name), index }))

describe('with a card that is the host', () => {
  const [compiler, headers] = [gxx, include]
  if (compiler === undefined) return it.skip('no g++')
  if (headers === undefined) return it.skip('no headers of CUDA')
  if (addonMissing) return it.skip(addonMissing)

  const prebuild = join(folder, 'emulated')
  const at = place('emulated/build/Release')
  const library = join(folder, 'library')
  mkdirSync(library)
  beforeAll(async () => {
    const code = [
      ...['decoder.cpp', 'nvjpeg.cpp', 'resize.cu'].map((name) => join(sources, 'pictures', name)),
      ...['runtime.cpp', 'cards.cpp', 'library_search.cpp'].map((name) => join(sources, name)),
      join(packageRoot, 'native/images/filter.cpp'),
      join(here, 'emulated/emulator.cpp'),
      join(here, 'emulated/runtime.cpp'),
      join(here, 'pictures/module.cpp'),
    ]
    const warnings = ['-Wall', '-Wextra', '-Werror', '-Wno-unknown-pragmas']
    const flags = [
      '-std=c++20',
      '-O1',
      '-fPIC',
      '-fvisibility=hidden',
      ...warnings,
      '-Inative',
      '-isystem',
      headers,
      `-DGOOGLENET_VERSION="${packageVersion}"`,
    ]
    const emulator = ['-include', join(here, 'emulated/emulator.h'), '-x', 'c++']
    const objects = await compileAll(compiler, [...flags, ...emulator], code, folder)
    const link = ['-shared', '-Wl,-z,defs', ...objects, '-ldl', '-o', join(at, 'googlenet-cuda.so')]
    const stub = ['-shared', '-fPIC', '-O1', join(here, 'stubs/nvjpeg.cpp'), '-ljpeg']
    await Promise.all([run(compiler, link), run(compiler, [...stub, '-o', join(library, 'libnvjpeg.so.13')])])
  }, 300_000)

  const decode = async (jobs: Job[], env: NodeJS.ProcessEnv = {}) =>
    (await decodeIn(at, jobs, { GOOGLENET_CUDA_PATH: library, ...env })).outcomes

  /** The same jobs on the CPU and on the card, side by side. */
  async function both(jobs: Job[], env: NodeJS.ProcessEnv = {}) {
    const on = (decoder: 'cpu' | 'cuda') =>
      jobs.map((job) => ({ ...job, options: { ...job.options, decoder } }))
    const outcomes = await decode([...on('cpu'), ...on('cuda')], env)
    return jobs.map((job, i) => ({ job, cpu: outcomes[i]!, gpu: outcomes[jobs.length + i]! }))
  }

  const pixels = ({ data }: Outcome) => new Uint8Array(Buffer.from(data, 'base64'))

  const jitter = { brightness: 0.5, contrast: 0.5, saturation: 0.5, hue: 0.2 }
  const transforms: PictureTransform[] = [
    training(48, { flip: 0.5, interpolation: 'random', jitter, lighting: 0.1 }),
    evaluation(48, 55),
    { kind: 'crops', size: 32, scales: [40, 50], squares: true },
    { kind: 'crops', size: 32, scales: [40], squares: false },
  ]
  const everyJob = ([3, 1] as const).flatMap((channels) =>
    (['ignore', 'apply'] as const).flatMap((orientation) =>
      transforms.map(
        (transform): Job => ({
          options: { channels, orientation },
          pictures: asPictures(files),
          transform,
        }),
      ),
    ),
  )

  it.each([
    ['kernels', '0'],
    ['hardware', '1'],
    ['kernels where the hardware fails', '2'],
    ['kernels where the hardware does not begin', '3'],
    ['kernels where the hardware does not begin again', '4'],
  ])('every kind of crop is as on the CPU, decoded by %s', async (_, STUB_NVJPEG_HARDWARE) => {
    for (const { job, cpu, gpu } of await both(everyJob, { STUB_NVJPEG_HARDWARE })) {
      expect(gpu.positions).toEqual(job.pictures.map((_, i) => i))
      expect(gpu.failures).toEqual([])
      expect(cpu.onGpu).toBe(0)
      expect(gpu.onGpu).toBe(forGpu.length)
      // Of the same pixels crops are the same; the largest pictures the CPU reads at half their size.
      const { mean, max } = difference(pixels(cpu), pixels(gpu))
      expect(max).toBeLessThanOrEqual(1)
      expect(mean).toBeLessThan(0.01)
    }
  })

  it('what a scaled DCT would do on the CPU is within its tolerance', async () => {
    const pictures = asPictures(['portrait.jpg', 'scaled-by-8.jpg'])
    for (const { cpu, gpu } of await both([{ pictures, transform: evaluation(8, 10) }])) {
      expect(gpu.onGpu).toBe(2)
      expect(difference(pixels(cpu), pixels(gpu)).max).toBeLessThanOrEqual(8)
    }
  })

  it('many threads and batches give the same bytes each time', async () => {
    const pictures = Array.from({ length: 5 }, () => files).flat()
    const job = { pictures: asPictures(pictures), transform: training(40), repeat: 4 }
    for (const threads of [1, 6]) {
      const [{ cpu, gpu }] = (await both([{ ...job, options: { threads } }])) as [
        Awaited<ReturnType<typeof both>>[0],
      ]
      expect(gpu).toMatchObject({ same: true, onGpu: 5 * forGpu.length, failures: [] })
      expect(gpu.data).toBe(cpu.data)
    }
  })

  it('what nvJPEG refuses the CPU decodes, and that is counted', async () => {
    for (const STUB_NVJPEG_DECODES of ['3', '4', '5', '6', '8', '9', '10']) {
      const [{ cpu, gpu }] = (await both([{ pictures: asPictures(files), transform: evaluation(24) }], {
        STUB_NVJPEG_DECODES,
      })) as [Awaited<ReturnType<typeof both>>[0]]
      expect(gpu).toEqual({ ...cpu, onGpu: 0 })
    }
  })

  it('damaged pictures have the reasons that they have on the CPU', async () => {
    const jpeg = fixtureBytes('baseline-420.jpg')
    const scan = Buffer.from(jpeg).lastIndexOf(Buffer.from([0xff, 0xda]))
    const damaged: Record<string, Uint8Array> = {
      empty: new Uint8Array(),
      truncated: jpeg.subarray(0, jpeg.length / 2),
      headless: jpeg.subarray(0, scan),
      // All codes of ones are none that a Huffman table has.
      garbled: Uint8Array.from(jpeg, (byte, i) =>
        i > scan + 200 && i < scan + 260 ? (i % 2 ? 0 : 0xff) : byte,
      ),
      restarted: Uint8Array.from(jpeg, (byte, i) =>
        i === scan + 100 ? 0xff : i === scan + 101 ? 0xd9 : byte,
      ),
    }
    const pictures = [...Object.keys(damaged), 'good'].map((name, index) => {
      const source = join(folder, `${name}.jpg`)
      writeFileSync(source, damaged[name] ?? jpeg)
      return { source, index }
    })
    const [{ cpu, gpu }] = (await both([{ pictures, transform: evaluation(24) }])) as [
      Awaited<ReturnType<typeof both>>[0],
    ]
    expect(cpu.failures.length).toBeGreaterThan(2)
    expect(gpu.failures).toEqual(cpu.failures)
    expect(gpu.data).toBe(cpu.data)
    expect(gpu.onGpu).toBeGreaterThan(0)
  })

  const one: Job[] = [
    { options: { decoder: 'cuda' }, pictures: asPictures(['tiny.jpg']), transform: evaluation(8) },
  ]
  const refusal = async (env: NodeJS.ProcessEnv, jobs = one) => {
    const [outcome] = await decode(jobs, env)
    expect(outcome!.code).toBe('ERR_GOOGLENET_DEVICE')
    return outcome!.message
  }

  it('a missing nvJPEG is named, with the places looked in and what brings it', async () => {
    const empty = mkdtempSync(join(folder, 'empty-'))
    const message = await refusal({ GOOGLENET_CUDA_PATH: empty })
    expect(message).toMatch(
      /^pictures cannot be decoded on cuda:0: libnvjpeg\.so\.13 was not found; looked in /,
    )
    for (const looked of [
      at,
      empty,
      'the system linker',
      'pip install nvidia-nvjpeg',
      'apt install',
      'conda install',
    ])
      expect(message).toContain(looked)
  })

  it('one that is too old or does not start is named, and so is a card that is not there', async () => {
    expect(await refusal({ STUB_NVJPEG_VERSION: '12000' })).toMatch(
      /libnvjpeg\.so\.13 \(12\.0\.\d is older than 12\.1\)/,
    )
    expect(await refusal({ STUB_NVJPEG_CREATES: '7' })).toMatch(/ARCH_MISMATCH from nvjpegCreateEx/)
    expect(await refusal({ STUB_CARDS: '0' })).toMatch(/gives no GPU/)
    expect(await refusal({ STUB_DRIVER: '0', STUB_CARDS: '0' })).toMatch(/no NVIDIA driver/)
    const second: Job[] = one.map((job) => ({ ...job, options: { decoder: 'cuda:1' } }))
    expect(await refusal({}, second)).toMatch(/cuda:1: there is only cuda:0 \(Emulated 0\)/)
    const [outcome] = await decode(second, { STUB_CARDS: '2' })
    expect(outcome).toMatchObject({ onGpu: 1, failures: [] })
  })

  it('a file that is no JPEG needs no card', async () => {
    const pictures = asPictures(files.filter((name) => !forGpu.includes(name)))
    const [outcome] = await decode([{ ...one[0]!, pictures }], { STUB_CARDS: '0' })
    expect(outcome).toMatchObject({ onGpu: 0, failures: [] })
  })

  it('the command line trains with it, and evaluates, as with the CPU', async () => {
    const data = join(folder, 'data')
    const photographs = join(packageRoot, 'bench/pictures')
    for (const part of ['train', 'val']) {
      for (const [i, name] of readdirSync(photographs).filter(isPicture).entries()) {
        const place = join(data, part, `class ${i % 2}`)
        mkdirSync(place, { recursive: true })
        copyFileSync(join(photographs, name), join(place, name))
      }
    }
    const env = { GOOGLENET_PREBUILD: prebuild, GOOGLENET_CUDA_PATH: library }
    const ended = async (decoder: string, more: NodeJS.ProcessEnv = {}) => {
      const common = ['--decoder', decoder, '--device', 'cpu', '--batch-size', '2', '--json']
      const train = [
        'train',
        data,
        '--out',
        join(folder, `run-${decoder}`),
        '--image-size',
        '64',
        '--epochs',
        '1',
      ]
      return googlenet([...train, ...common], { env: { ...env, ...more } })
    }
    const losses = async (decoder: string) => {
      const epoch = jsonLines(await ended(decoder)).find(({ type }) => type === 'epoch')!
      expect(epoch.onGpu).toBe(decoder === 'cpu' ? undefined : 4)
      return [epoch.train, epoch.validation]
    }
    const onCpu = await losses('cpu')
    expect(onCpu).toMatchObject([{ loss: expect.any(Number) }, { loss: expect.any(Number) }])
    expect(await losses('cuda')).toEqual(onCpu)
    const answers = async (decoder: string) => {
      const [model, photograph] = [join(folder, 'run-cpu'), join(photographs, 'coffee.jpg')]
      const common = ['--decoder', decoder, '--device', 'cpu', '--json']
      const [classified, evaluated] = await Promise.all([
        googlenet(['classify', model, photograph, '--crops', '10', ...common], { env }),
        googlenet(['evaluate', model, data, ...common], { env }),
      ])
      const { loss, top1, samples, onGpu } = jsonLines(evaluated)[0]!
      expect(onGpu).toBe(decoder === 'cpu' ? undefined : 4)
      return { classified: classified.stdout, loss, top1, samples }
    }
    const answersOnCpu = await answers('cpu')
    expect(answersOnCpu).toMatchObject({ samples: 4, loss: expect.any(Number) })
    expect(await answers('cuda')).toEqual(answersOnCpu)
    const { code, stderr } = await ended('cuda:1')
    expect(code).toBe(1)
    expect(stderr).toMatch(/ERR_GOOGLENET_DEVICE.*cuda:1: there is only cuda:0/)
  }, 240_000)

  it('the nvJPEG that torchvision brings is found under its name', async () => {
    const packages = join(folder, 'packages')
    mkdirSync(join(packages, 'torchvision.libs'), { recursive: true })
    const path = join(packages, 'torchvision.libs/libnvjpeg.36e11081.so.13')
    copyFileSync(join(library, 'libnvjpeg.so.13'), path)
    const { outcomes, cuda } = await decodeIn(at, one, { GOOGLENET_CUDA_PATH: packages })
    expect(outcomes[0]).toMatchObject({ onGpu: 1 })
    expect(cuda.libraries).toMatchObject([{ name: 'libnvjpeg.so.13', path }])
  })

  it.each(['0', '1'])(
    'workers and processes that end in the middle leave nothing open (hardware: %s)',
    async (hardware) => {
      const child = [
        join(here, 'pictures.lifetime.mjs'),
        join(at, 'googlenet.node'),
        fixture('baseline-420.jpg'),
      ]
      const env = { PATH: process.env.PATH, GOOGLENET_CUDA_PATH: library, STUB_NVJPEG_HARDWARE: hardware }
      const { stdout } = await run(process.execPath, child, { env })
      for (const outcome of JSON.parse(stdout)) expect(['ERR_GOOGLENET_DISPOSED', 100]).toContain(outcome)
    },
  )

  it('system() shows nvJPEG', async () => {
    const { cuda } = await decodeIn(at, [], { GOOGLENET_CUDA_PATH: library })
    expect(cuda.libraries).toEqual([
      expect.objectContaining({
        name: 'libnvjpeg.so.13',
        version: '13.0.4',
        path: join(library, 'libnvjpeg.so.13'),
      }),
    ])
  })
})

describe('without a card', () => {
  if (addonMissing) return it.skip(addonMissing)
  const pictures = asPictures(['tiny.jpg', 'palette.png'])

  it('an addon without the module names the place that was looked at', async () => {
    const at = place('bare')
    const { outcomes } = await decodeIn(
      at,
      [{ options: { decoder: 'cuda:3' }, pictures, transform: evaluation(8) }],
      {},
    )
    expect(outcomes[0]).toMatchObject({ code: 'ERR_GOOGLENET_DEVICE' })
    expect(outcomes[0]!.message).toContain(
      `cuda:3: the CUDA module ${join(at, 'googlenet-cuda.so')} is not there`,
    )
  })

  it.skipIf(moduleMissing)('the module names the driver, and shows where nvJPEG is looked for', async () => {
    const at = place('undriven')
    copyFileSync(modulePath, join(at, 'googlenet-cuda.so'))
    // A file that is no library is found before any driver of the machine.
    const nothing = mkdtempSync(join(folder, 'driver-'))
    writeFileSync(join(nothing, 'libcuda.so.1'), 'no library')
    const jobs: Job[] = [{ options: { decoder: 'cuda' }, pictures, transform: evaluation(8) }]
    const { outcomes, cuda } = await decodeIn(at, jobs, { LD_LIBRARY_PATH: nothing })
    expect(outcomes[0]).toMatchObject({ code: 'ERR_GOOGLENET_DEVICE' })
    expect(outcomes[0]!.message).toMatch(/cuda:0: no NVIDIA driver/)
    const nvjpeg = cuda.libraries.find(({ name }) => name.startsWith('libnvjpeg'))
    expect(nvjpeg?.path || nvjpeg?.lookedIn).toContain(nvjpeg?.path ? 'libnvjpeg' : at)
  })

  it('the addon itself refuses what is no decoder', () => {
    const open = (decoder: string) => () =>
      new binding.Loader({ threads: 1, channels: 3, decoder: decoder as 'cuda' })
    expect(open('auto')).toThrow(expect.objectContaining({ code: 'ERR_GOOGLENET_OPTION' }))
    expect(open('gpu')).toThrow(expect.objectContaining({ code: 'ERR_GOOGLENET_DEVICE' }))
  })

  it.each(['auto', 'gpu', 'cuda:', 'cuda:-1', '', 7])('the decoder %j is refused', async (decoder) => {
    const source = { classes: ['a'], length: 0, sample: () => ({ source: '', label: 0, name: '' }) }
    const options = { batchSize: 1, imageSize: 8, decoder: decoder as 'cuda' }
    expect(() => batches(source, options)).toThrow(
      expect.objectContaining({ code: 'ERR_GOOGLENET_OPTION', message: expect.stringContaining('decoder') }),
    )
  })
})
