/**
 * The packages as users get them: what is in them, and that they work on a fresh Debian 12 with Node.js and nothing
 * else, installed from their tarballs with no network but npm's registry.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../lib/packageRoot.js'
import { copyPictures } from '../cli/command.js'
import { FreshDebian, type Runtime, reasonForNone, runtimeNames } from './freshDebian.js'
import { makePackages, type Packed } from './packages.js'

const MINUTES = 60_000
const MOST_BYTES = 25e6
const classes = ['animal', 'food', 'flag']
const noCompiler = existsSync(join(packageRoot, 'build/Release/googlenet-cuda.so'))
  ? undefined
  : 'no CUDA module built'

let main: Packed
let cuda: Packed
beforeAll(async () => {
  ;({ main, cuda } = await makePackages())
  for (const { name, version, size, unpackedSize } of [main, cuda]) {
    console.log(
      `${name} ${version}: ${(size / 1e6).toFixed(1)} MB packed, ${(unpackedSize / 1e6).toFixed(1)} MB unpacked`,
    )
  }
}, 10 * MINUTES)

const tool = (name: string, ...args: string[]) =>
  spawnSync(join(packageRoot, 'node_modules/.bin', name), args, { encoding: 'utf8' })

describe('what is packed', () => {
  it('is what users need and no more', () => {
    const folders = new Set(main.files.map(({ path }) => path.split('/')[0]))
    expect([...folders].sort()).toEqual(
      [
        'CHANGELOG.md',
        'CMakeLists.txt',
        'LICENSE',
        'NOTICE',
        'README.md',
        'binding.d.ts',
        'cmake',
        'data',
        'dist',
      ].concat(['native', 'package.json', 'prebuilds', 'scripts']),
    )
    const stray = main.files.filter(({ path }) =>
      /^(test|bench|build|lib)\/|node_modules\/|\.(log|tgz)$/.test(path),
    )
    expect(stray).toEqual([])
    expect(main.size).toBeLessThan(MOST_BYTES)
  })

  it('brings the libraries that the addon needs, each with its licence', () => {
    const prebuilt = main.files.filter(({ path }) => path.startsWith('prebuilds/linux-x64/'))
    const names = prebuilt.map(({ path }) => path.split('/').slice(2).join('/'))
    for (const name of [
      'googlenet.node',
      'libdnnl.so.2',
      'libgomp.so.1',
      'libjpeg.so.62',
      'libpng16.so.16',
    ]) {
      expect(names).toContain(name)
    }
    const licences = prebuilt.filter(({ path }) => path.includes('/licences/'))
    expect(licences.length).toBe(names.filter((name) => /^lib.*\.so/.test(name)).length)
    for (const { size } of licences) expect(size).toBeGreaterThan(1000)
  })

  it.skipIf(noCompiler)('keeps the CUDA module in a package of its own, of the same version', () => {
    expect(cuda.version).toBe(main.version)
    expect(cuda.files.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['googlenet-cuda.so', 'LICENSE', 'NOTICE', 'licences/cuda.txt']),
    )
    expect(main.files.some(({ path }) => path.includes('googlenet-cuda.so'))).toBe(false)
  })

  it('passes publint and arethetypeswrong', () => {
    const lint = tool('publint', 'run', main.path, '--strict')
    expect(lint.stdout + lint.stderr).toContain('All good!')
    const types = tool('attw', main.path, '--profile', 'esm-only')
    expect(types.status, types.stdout).toBe(0)
  })
})

describe.skipIf(reasonForNone)('on a fresh Debian 12', () => {
  let machine: FreshDebian
  const picture = () =>
    `/app/pictures/${classes[0]}/${readdirSync(machine.at('app/pictures', classes[0]!))[0]}`

  beforeAll(async () => {
    machine = await FreshDebian.make()
    await copyPictures(machine.at('app/pictures'), classes, 4)
    machine.put(join(import.meta.dirname, 'programs'), 'app')
    for (const { path } of [main, cuda]) machine.put(path, join('tarballs', path.split('/').at(-1)!))
    machine.write('app/package.json', '{ "name": "app", "private": true }')
    const without = await machine.run(
      'command -v g++ cmake make python3; ls /usr/lib/*/libdnnl* /usr/lib/*/libjpeg*',
    )
    expect(without.stdout).toBe('')

    const installed = await machine.run('npm install --no-fund --no-audit /tarballs/*.tgz')
    expect(installed.code, installed.stderr).toBe(0)
    const first = await machine.run('npx googlenet doctor')
    expect(first.code, first.stdout + first.stderr).toBe(0)
    console.log(
      `npm install: ${installed.seconds.toFixed(1)} s; googlenet doctor: ${first.seconds.toFixed(1)} s`,
    )
  }, 20 * MINUTES)
  afterAll(() => machine?.remove())

  /** Runs a program of programs/ that prints what came of it. */
  async function outcome(program: string, runtime: Runtime) {
    const command = `${FreshDebian.program(runtime)} ${program} pictures ${picture()} net.safetensors`
    const { code, stdout, stderr, seconds } = await machine.run(command, { runtime })
    expect(code, stderr).toBe(0)
    console.log(`${runtime}: ${program}: trained, saved, opened and classified in ${seconds.toFixed(1)} s`)
    return JSON.parse(stdout) as {
      version: string
      steps: number
      trained: { label: string; probability: number }
      opened: { label: string; probability: number }
      libraries?: string[]
    }
  }

  for (const runtime of runtimeNames) {
    it.each(['esm.mjs', 'commonjs.cjs', 'worker.mjs'])(
      `${runtime} runs %s`,
      async (program) => {
        const { version, steps, trained, opened, libraries } = await outcome(program, runtime)
        expect(version).toContain(FreshDebian.version(runtime))
        expect(steps).toBe(10)
        expect(classes).toContain(trained.label)
        expect(opened).toEqual(trained)
        const bundled = (libraries ?? []).filter((path) => /libdnnl|libgomp|libjpeg|libpng/.test(path))
        for (const path of bundled) expect(path).toContain('/app/node_modules/googlenet/prebuilds/linux-x64/')
        expect(bundled.length).toBe(libraries ? 4 : 0)
      },
      5 * MINUTES,
    )
  }

  it(
    'its types hold in a strict program that checks them too',
    async () => {
      const compilerOptions = {
        strict: true,
        skipLibCheck: false,
        module: 'nodenext',
        target: 'es2023',
        types: ['node'],
      }
      machine.write('app/tsconfig.json', JSON.stringify({ compilerOptions, files: ['typed.mts'] }))
      const compiled = await machine.run(
        'npm install --no-fund --no-audit --save-dev typescript@6.0.3 @types/node@20.19.25 && npx tsc',
      )
      expect(compiled.code, compiled.stdout + compiled.stderr).toBe(0)
      const { steps, trained, opened } = await outcome('typed.mjs', 'node-20')
      expect(steps).toBe(10)
      expect(opened).toEqual(trained)
    },
    5 * MINUTES,
  )

  it(
    'the command line trains and classifies',
    async () => {
      const options = '--image-size 64 --batch-size 12 --epochs 10 --device cpu'
      const trained = await machine.run(`npx googlenet train pictures --out run ${options} --json`)
      expect(trained.code, trained.stderr).toBe(0)
      const classified = await machine.run(`npx googlenet classify run ${picture()} --json`)
      expect(classified.code, classified.stderr).toBe(0)
      for (const name of classes) expect(classified.stdout).toContain(name)
    },
    5 * MINUTES,
  )

  it.skipIf(noCompiler)('finds the CUDA module in its package', async () => {
    const { code, stdout } = await machine.run('npx googlenet doctor --json')
    expect(code).toBe(0)
    const { addon } = JSON.parse(stdout) as { addon: { cuda: { module: string; problem: string } } }
    expect(addon.cuda.module).toBe('/app/node_modules/googlenet-cuda-linux-x64/googlenet-cuda.so')
    expect(addon.cuda.problem).toMatch(/libcuda\.so\.1/)
  })

  it('a processor without AVX2 gets an error, not the end of the process', async () => {
    machine.write('old-cpuinfo', 'flags\t\t: fpu sse2 ssse3 sse4_1 sse4_2 avx\n')
    const failed = await machine.run('node esm.mjs', { cpuinfo: '/old-cpuinfo' })
    expect(failed.code).toBe(1)
    expect(failed.stderr).toMatch(/ERR_GOOGLENET_PROCESSOR/)
    expect(failed.stderr).toMatch(/lacks avx2, .*needs AVX2/)
    const doctor = await machine.run('npx googlenet doctor', { cpuinfo: '/old-cpuinfo' })
    expect(doctor.code).toBe(1)
    expect(doctor.stdout).toMatch(/lacks avx2/)
  })

  it('without its prebuilt binaries, installing says what building needs', async () => {
    const failed = await machine.run(
      'cp -r node_modules /copy && rm -r /copy/googlenet/prebuilds && cd /copy/googlenet && npm run install',
    )
    expect(failed.code).not.toBe(0)
    expect(failed.stderr).toMatch(/a C\+\+ compiler, Ninja, CMake, oneDNN, libjpeg-turbo, libpng missing/)
    expect(failed.stderr).toMatch(
      /apt-get install -y g\+\+ ninja-build cmake libdnnl-dev libjpeg-dev libpng-dev/,
    )
    rmSync(machine.at('copy'), { recursive: true })
  })

  it('uninstalling leaves nothing behind', async () => {
    const removed = await machine.run(
      'npm uninstall googlenet googlenet-cuda-linux-x64 && find / -xdev -iname "*googlenet*"',
    )
    expect(removed.code, removed.stderr).toBe(0)
    const left = removed.stdout
      .split('\n')
      .filter((path) => /googlenet/i.test(path) && !/^\/(tarballs|root\/\.npm)\//.test(path))
    expect(left).toEqual([])
  })
})
