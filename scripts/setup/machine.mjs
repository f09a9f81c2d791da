/** What the machine must have besides Node.js, and how Debian's apt brings it. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { SetupError, step } from './progress.mjs'

const [OLDEST_NODE_MAJOR, OLDEST_NODE_MINOR] = [20, 17]

const program = (name) => () =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, name)))

/** Where only root looks too. */
const anywhere = (name) => () =>
  program(name)() || ['/usr/sbin', '/sbin'].some((folder) => existsSync(join(folder, name)))

const header = (name) => () =>
  ['/usr/include', '/usr/local/include', ...(process.env.CPLUS_INCLUDE_PATH ?? '').split(delimiter)].some(
    (folder) => folder !== '' && existsSync(join(folder, name)),
  )

/** `debian` is the package that brings it on Debian 12 and Ubuntu. */
const BUILD_NEEDS = [
  { what: 'a C++ compiler', present: program('g++'), debian: 'g++' },
  { what: 'Ninja', present: program('ninja'), debian: 'ninja-build' },
  { what: 'CMake', present: program('cmake'), debian: 'cmake' },
  { what: 'oneDNN', present: header('dnnl.hpp'), debian: 'libdnnl-dev' },
  { what: 'libjpeg-turbo', present: header('jpeglib.h'), debian: 'libjpeg-dev' },
  { what: 'libpng', present: header('png.h'), debian: 'libpng-dev' },
]
const CHECK_NEEDS = [
  { what: 'clang-format', present: program('clang-format'), debian: 'clang-format' },
  { what: 'clang-tidy', present: program('clang-tidy'), debian: 'clang-tidy' },
  { what: 'debootstrap', present: anywhere('debootstrap'), debian: 'debootstrap' },
]

/** Throws when this Node.js is too old for the package. */
export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > OLDEST_NODE_MAJOR || (major === OLDEST_NODE_MAJOR && minor >= OLDEST_NODE_MINOR)) return
  throw new SetupError(
    `Node.js ${process.versions.node} is too old: ${OLDEST_NODE_MAJOR}.${OLDEST_NODE_MINOR} or later is needed (https://nodejs.org)`,
  )
}

/** What is missing, of what building needs and, with `checks`, of what the checks and the tests of the packages need. */
export function missingPackages({ checks }) {
  return [...BUILD_NEEDS, ...(checks ? CHECK_NEEDS : [])].filter((need) => !need.present())
}

/** Installs with apt as root or through sudo without a password; otherwise throws with the command to run. */
export async function installPackages(missing) {
  const names = missing.map((need) => need.what).join(', ')
  const packages = missing.map((need) => need.debian)
  const prefix = aptPrefix()
  if (prefix === undefined) throw new SetupError(`${names} missing. ${installHint(missing)}`)

  const apt = (title, ...args) =>
    step(title, [...prefix, 'apt-get', '-o', 'DPkg::Lock::Timeout=600', '-qq', '-y', ...args])
  const install = () =>
    apt(`Installing ${packages.join(' ')}`, 'install', '--no-install-recommends', ...packages)

  const listed = spawnSync('apt-get', ['install', '--simulate', '-qq', ...packages]).status === 0
  if (!listed) await apt('Updating the package lists', 'update')
  try {
    await install()
  } catch (error) {
    if (!listed) throw error
    // The lists are there but older than the archive: it no longer has the versions they name.
    await apt('Updating the package lists', 'update')
    await install()
  }
  const still = missing.filter((need) => !need.present())
  if (still.length > 0) {
    throw new SetupError(`${still.map((need) => need.what).join(', ')} still missing. ${installHint(still)}`)
  }
}

/** The command that a person with the right to do so runs. */
export function installHint(missing) {
  const sudo = process.getuid() === 0 ? '' : 'sudo '
  const packages = missing.map((need) => need.debian).join(' ')
  const command = `${sudo}apt-get update && ${sudo}apt-get install -y ${packages}`
  return `On Debian or Ubuntu run\n\n    ${command}\n\nand then the same command again.`
}

/** The words before `apt-get` that give it its rights; undefined where it may not run. */
function aptPrefix() {
  if (!program('apt-get')()) return undefined
  const quiet = ['env', 'DEBIAN_FRONTEND=noninteractive']
  if (process.getuid() === 0) return quiet
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0
    ? ['sudo', '-n', ...quiet]
    : undefined
}
