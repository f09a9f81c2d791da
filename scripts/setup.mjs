/**
 * Makes the package ready to run, doing only what is missing: system libraries, node_modules, the native addon, dist.
 *
 *   node scripts/setup.mjs            what running needs
 *   node scripts/setup.mjs --dev      also what the checks need (clang-format, clang-tidy, NVIDIA's libraries)
 *   node scripts/setup.mjs --install  npm's own install step: builds, but leaves system packages to the person
 *
 * The GPU part is built where nvcc is, with headers of cuDNN and cuBLAS that are installed or else fetched with pip; a
 * machine without nvcc gets the CPU part alone.
 *
 * Several at once are safe: one works, the others wait. Exit code 1 with what to do when something can't be set up.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cudaInputs, driverReady, fetchDriver, fetchWheels, findNvcc, wheelsReady } from './setup/cuda.mjs'
import { checkNode, installHint, installPackages, missingPackages } from './setup/machine.mjs'
import { note, SetupError, step } from './setup/progress.mjs'
import { hashFiles, isFresh, writeStamp } from './setup/stamp.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const at = (...names) => join(root, ...names)
const checks = process.argv.includes('--dev')
const insideInstall = process.argv.includes('--install')

const buildCommand = ['npm', 'run', 'build:native']

/** The things to be there, in the order in which each needs those before it. */
const stages = [
  {
    ready: () => missingPackages({ checks }).length === 0,
    async make() {
      const missing = missingPackages({ checks })
      if (!insideInstall) return installPackages(missing)
      throw new SetupError(`${missing.map((need) => need.what).join(', ')} missing. ${installHint(missing)}`)
    },
  },
  {
    ready: () => insideInstall || modulesMatchLock(),
    // The install step of this package is this script, whose next stages build anyway.
    make: () =>
      step('Installing the npm packages', ['npm', 'ci', '--include=dev', '--ignore-scripts'], { cwd: root }),
  },
  {
    ready: () => !findNvcc() || wheelsReady(root, { libraries: checks }),
    make: () => fetchWheels(root, { libraries: checks }),
  },
  {
    ready: () => !findNvcc() || !checks || driverReady(root),
    make: () => fetchDriver(root),
  },
  {
    ready: () => existsSync(at('build/Release/googlenet.node')) && isFresh(at('build/.stamp'), addonHash()),
    async make() {
      if (!sameBuildFolder()) rmSync(at('build/CMakeCache.txt'))
      const output = await step('Building the native addon (some minutes the first time)', buildCommand, {
        cwd: root,
      })
      note(/GPU support: .*/.exec(output)?.[0] ?? 'GPU support: as before')
      writeStamp(at('build/.stamp'), addonHash())
    },
  },
  {
    // An installed package comes with dist and without lib.
    ready: () => !existsSync(at('lib')) || isFresh(at('dist/.stamp'), libraryHash()),
    async make() {
      rmSync(at('dist'), { recursive: true, force: true })
      await step('Building the TypeScript library', ['npm', 'run', 'build:ts'], { cwd: root })
      writeStamp(at('dist/.stamp'), libraryHash())
    },
  },
]

/**
 * Whether the package brings an addon that loads on this machine: npm's install step then has nothing to do. Nor has
 * it for a processor that no build runs on; the package may have been installed for another.
 */
function prebuiltLoads() {
  if (!existsSync(at('prebuilds'))) return false
  const load = ['--input-type=module', '--eval', "await import('./dist/lib/native.js')"]
  const { status, stderr } = spawnSync(process.execPath, load, { cwd: root, encoding: 'utf8' })
  if (status === 0) return true
  const reason = /\[?(ERR_GOOGLENET_\w+|GoogLeNetError)\]?.*/.exec(stderr)?.[0] ?? stderr.trim()
  note(`The prebuilt addon does not load here: ${reason}`)
  return stderr.includes('ERR_GOOGLENET_PROCESSOR')
}

function addonHash() {
  const inputs = ['CMakeLists.txt', 'cmake', 'native', 'node_modules/node-addon-api/package.json']
  const { version } = JSON.parse(readFileSync(at('package.json'), 'utf8'))
  return `${hashFiles(root, inputs)} ${process.arch} ${version} ${cudaInputs(root)}`
}

function libraryHash() {
  const inputs = ['lib', 'binding.d.ts', 'package.json', 'tsconfig.json', 'tsconfig.build.json']
  return hashFiles(root, inputs)
}

/**
 * Whether node_modules holds what package-lock.json names; npm keeps a copy of the lock in there. An installed
 * package comes without the lock, its packages lie where npm put them.
 */
function modulesMatchLock() {
  if (!existsSync(at('package-lock.json'))) return true
  const installed = at('node_modules/.package-lock.json')
  if (!existsSync(installed)) return false
  const { packages: have } = JSON.parse(readFileSync(installed, 'utf8'))
  const { packages: want } = JSON.parse(readFileSync(at('package-lock.json'), 'utf8'))
  return Object.entries(want).every(
    ([path, entry]) => path === '' || entry.optional || have[path]?.version === entry.version,
  )
}

/** CMake refuses a cache made in another folder: the checkout was moved or copied. */
function sameBuildFolder() {
  if (!existsSync(at('build/CMakeCache.txt'))) return true
  return readFileSync(at('build/CMakeCache.txt'), 'utf8').includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${root}\n`)
}

/** Waits until no other setup of this checkout is at work; the lock goes with this process, however it ends. */
function lock() {
  mkdirSync(at('build'), { recursive: true })
  const file = openSync(at('build/.lock'), 'a')
  const inherited = { stdio: ['ignore', 'ignore', 'inherit', file] }
  if (spawnSync('flock', ['--nonblock', '3'], inherited).status === 0) return
  process.stderr.write('  Waiting for another setup of this folder ...\n')
  spawnSync('flock', ['3'], inherited)
}

try {
  checkNode()
  if (insideInstall && prebuiltLoads()) process.exit()
  if (!stages.every((stage) => stage.ready())) {
    process.stderr.write('Setting up googlenet\n')
    lock()
    for (const stage of stages) if (!stage.ready()) await stage.make()
  }
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  process.stderr.write(`\nSetup stopped: ${error.message}\n`)
  process.exitCode = 1
}
