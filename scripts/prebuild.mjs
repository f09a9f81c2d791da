/**
 * Makes what the packages bring ready built, for this platform; then `npm pack` packs both.
 *
 *   npm run prebuild
 *
 * prebuilds/linux-x64/       the addon (prebuildify, which has cmake-js build it), the libraries that it needs beside
 *                            it, and their licences
 * packages/cuda-linux-x64/   the CUDA module, where this machine can build one
 *
 * The addon runs where the C library and libstdc++ are as new as this machine's: release from the oldest system that
 * is to be served. Needs strip, objdump and dpkg besides what building needs.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { bundledLibraries, copyStripped, run, symbolVersions } from './binaries.mjs'

const root = resolve(import.meta.dirname, '..')
const at = (...names) => join(root, ...names)
const prebuilds = at('prebuilds/linux-x64')
const cudaPackage = at('packages/cuda-linux-x64')
const cudaModule = at('build/Release/googlenet-cuda.so')

/** NVIDIA's agreement, as its wheels bring it (scripts/setup/cuda.mjs). */
const cudaLicence = at('build/cuda/nvidia/License.txt')

/** The Debian package that a library comes from; the archive lists some below /usr alone, some without it. */
function debianPackage(library) {
  const path = realpathSync(library)
  const paths = [path, path.startsWith('/usr') ? path.slice('/usr'.length) : `/usr${path}`]
  for (const one of paths) {
    try {
      return run('dpkg', ['--search', one]).split(':')[0]
    } catch {}
  }
  throw new Error(`${library} belongs to no Debian package: its licence is not known`)
}

/** The package's terms, with the texts of the licences that they name and that Debian keeps once for all. */
function licenceOf(name) {
  const terms = readFileSync(`/usr/share/doc/${name}/copyright`, 'utf8')
  const common = new Set(terms.match(/\/usr\/share\/common-licenses\/[\w.+-]*\w/g))
  const texts = [...common].map(
    (path) => `\n\n==== ${path.split('/').at(-1)} ====\n\n${readFileSync(path, 'utf8')}`,
  )
  return terms + texts.join('')
}

function makePrebuilds() {
  const stage = at('build/prebuild')
  rmSync(stage, { recursive: true, force: true })
  mkdirSync(stage)
  const compile = at('scripts/prebuild/compile.mjs')
  const options = ['--napi', '--strip', '--name', 'googlenet', '--out', root, '--node-gyp', compile]
  run(at('node_modules/.bin/prebuildify'), options, { cwd: stage })

  const licences = join(prebuilds, 'licences')
  mkdirSync(licences)
  for (const { path } of bundledLibraries(at('build/Release/googlenet-addon.so'))) {
    const from = debianPackage(path)
    writeFileSync(join(licences, `${from}.txt`), licenceOf(from))
  }
}

function bringCudaModule() {
  rmSync(join(cudaPackage, 'googlenet-cuda.so'), { force: true })
  if (!existsSync(cudaModule)) return console.log('no CUDA module: this machine has no nvcc')
  if (!existsSync(cudaLicence))
    throw new Error(`${cudaLicence} is missing: npm run setup -- --dev fetches it`)
  copyStripped(cudaModule, join(cudaPackage, 'googlenet-cuda.so'))
  mkdirSync(join(cudaPackage, 'licences'), { recursive: true })
  copyFileSync(cudaLicence, join(cudaPackage, 'licences/cuda.txt'))
  copyFileSync(at('LICENSE'), join(cudaPackage, 'LICENSE'))
}

function report(files) {
  for (const file of files)
    console.log(`${(statSync(file).size / 1e6).toFixed(1).padStart(7)} MB  ${file.slice(root.length + 1)}`)
  const { GLIBC, GLIBCXX } = symbolVersions(files)
  console.log(`runs on x86-64 with AVX2, glibc ${GLIBC} and libstdc++ with GLIBCXX_${GLIBCXX}, or later`)
}

rmSync(prebuilds, { recursive: true, force: true })
makePrebuilds()
bringCudaModule()
const libraries = readdirSync(prebuilds).filter((name) => /\.(node|so)/.test(name))
const inCuda = readdirSync(cudaPackage).filter((name) => name.endsWith('.so'))
report([...libraries.map((name) => join(prebuilds, name)), ...inCuda.map((name) => join(cudaPackage, name))])
