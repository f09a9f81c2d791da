/** What building the GPU part needs, and its tests without a card: NVIDIA's wheels, and a driver library to load. */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { note, SetupError, step } from './progress.mjs'
import { isFresh, writeStamp } from './stamp.mjs'

const HEADERS = ['nvidia-cudnn-cu13==9.24.0.43', 'nvidia-cublas==13.1.1.3']
/** What cuDNN compiles with at run time. */
const LIBRARIES = [...HEADERS, 'nvidia-cuda-nvrtc==13.0.88']

/** Where NVIDIA's installers put a toolkit; cmake/cuda.cmake looks there too. */
const toolkits = [process.env.CUDA_HOME, process.env.CUDA_PATH, '/usr/local/cuda'].filter(Boolean)

/** The path of an nvcc that is new enough, and its version; undefined where there is none. */
export function findNvcc() {
  const folders = [...toolkits.map((root) => join(root, 'bin')), ...(process.env.PATH ?? '').split(':')]
  for (const path of folders.map((folder) => join(folder, 'nvcc'))) {
    const { stdout } = existsSync(path) ? spawnSync(path, ['--version'], { encoding: 'utf8' }) : {}
    const [, major, minor] = /release (\d+)\.(\d+)/.exec(stdout ?? '') ?? []
    if (Number(major) > 12 || (Number(major) === 12 && Number(minor) >= 8)) return `${path} ${major}.${minor}`
  }
  return undefined
}

/** The folder of the checkout that holds what is fetched: nvidia/ and driver/. */
const folderOf = (root) => join(root, 'build/cuda')

function installedHeaders() {
  const roots = [process.env.CUDNN_HOME, ...toolkits, '/usr'].filter(Boolean)
  const folders = [...roots.map((root) => join(root, 'include')), '/usr/include/x86_64-linux-gnu']
  return ['cudnn_version.h', 'cublasLt.h'].every((name) => folders.some((one) => existsSync(join(one, name))))
}

/** Whether the wheels are there that are wanted; `libraries`: with the libraries, for tests. */
export function wheelsReady(root, { libraries }) {
  const licensed = existsSync(join(folderOf(root), 'nvidia/License.txt'))
  const have = (wanted) => licensed && isFresh(join(folderOf(root), '.stamp'), wanted.join(' '))
  if (have(LIBRARIES)) return true
  return !libraries && (have(HEADERS) || installedHeaders() || existsSync(join(folderOf(root), 'reason')))
}

/** Fetches the wheels. A failure leaves the GPU part out, and says so. */
export async function fetchWheels(root, { libraries }) {
  const wheels = libraries ? LIBRARIES : HEADERS
  const folder = folderOf(root)
  mkdirSync(folder, { recursive: true })
  const target = mkdtempSync(join(folder, 'wheels-'))
  try {
    const install = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--retries',
      '0',
      '--no-deps',
      '--no-compile',
      '--target',
      target,
    ]
    const title = `Fetching NVIDIA's ${libraries ? 'headers and libraries' : 'headers'} (${wheels.join(', ')})`
    await step(title, ['python3', ...install, ...wheels])
    if (!libraries) {
      for (const name of readdirSync(join(target, 'nvidia'))) {
        rmSync(join(target, 'nvidia', name, 'lib'), { recursive: true, force: true })
      }
    }
    keepLicence(target)
    rmSync(join(folder, 'nvidia'), { recursive: true, force: true })
    renameSync(join(target, 'nvidia'), join(folder, 'nvidia'))
    writeStamp(join(folder, '.stamp'), wheels.join(' '))
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    giveUp(folder, error)
  } finally {
    rmSync(target, { recursive: true, force: true })
  }
}

/** The CUDA Toolkit's agreement, which the package of the CUDA module brings (scripts/prebuild.mjs). */
function keepLicence(target) {
  const info = readdirSync(target).find((name) => /^nvidia_cublas.*\.dist-info$/.test(name))
  const places = ['licenses/License.txt', 'License.txt'].map((name) => join(target, info ?? '', name))
  const licence = places.find((path) => existsSync(path))
  if (licence) copyFileSync(licence, join(target, 'nvidia/License.txt'))
}

/** Tried or there: a machine that can't have it is not asked again. */
export function driverReady(root) {
  return existsSync('/dev/nvidia0') || existsSync(join(folderOf(root), 'driver'))
}

/**
 * Engines that cuDNN compiles at run time are planned only where a libcuda.so.1 loads. Debian's libcuda1 (non-free) is
 * unpacked for the tests, never installed. Where it is not to be had, `driver/` holds the reason.
 */
export async function fetchDriver(root) {
  const folder = join(folderOf(root), 'driver')
  const work = mkdtempSync(join(tmpdir(), 'googlenet-driver-'))
  mkdirSync(folder, { recursive: true })
  try {
    const fetch = `set -e
      apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
        awk '$1 ~ /\\/debian\\/$/ && $2 !~ /-/ && $3 == "main" { print "deb", $1, $2, "non-free" }' | sort -u > sources.list
      test -s sources.list || { echo 'no Debian archive among the sources of apt'; exit 1; }
      mkdir -p lists/partial archives/partial
      apt="apt-get -qq -o APT::Sandbox::User=root -o Dir::Etc::SourceList=$PWD/sources.list
        -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists=$PWD/lists -o Dir::Cache=$PWD"
      $apt update
      $apt download libcuda1
      dpkg -x libcuda1_*.deb unpacked
      cp -P unpacked/usr/lib/*/nvidia/current/libcuda.so* "$0"`
    await step("Fetching a driver library for the tests (Debian's libcuda1)", ['bash', '-c', fetch, folder], {
      cwd: work,
    })
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    giveUp(folder, error)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Says why something is not to be had, and leaves it in a file so that a user's next command need not try again. */
function giveUp(folder, error) {
  const reason = error.message.split('\n').filter(Boolean).at(-1)
  writeFileSync(join(folder, 'reason'), reason)
  note(`Going on without: ${reason}`)
}

/** What decides whether and for what the GPU part is built. */
export function cudaInputs(root) {
  const headers = existsSync(join(folderOf(root), 'nvidia')) || installedHeaders()
  return JSON.stringify([findNvcc(), headers, process.env.GOOGLENET_CUDA_ARCHITECTURES])
}
