/**
 * Packs what a Linux machine with a GPU, but without Node.js or a network, needs for the tests and the benchmark:
 * `npm run bundle` writes build/googlenet-gpu.tar, which holds run.sh and a compressed payload.
 *
 *   tar xf googlenet-gpu.tar && ./run.sh test        and ./run.sh bench --quick --out results
 *
 * Needs strip, tar and xz here; tar and xz or python3 there, and a driver; cuDNN and cuBLAS are found there, in a
 * Python's nvidia packages too. GOOGLENET_CUDA_ARCHITECTURES narrows what the module was compiled for.
 */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { copyStripped, librariesOf, run, STANDARD } from './binaries.mjs'

const MOST_BYTES = 60e6
const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
/** Not below `root`, whose node_modules would hide what the bundle lacks. */
const stage = mkdtempSync(join(tmpdir(), 'googlenet-bundle-'))
const tree = join(stage, 'googlenet')
const archive = join(root, 'build/googlenet-gpu.tar')

/** As they are: what the tests and the benchmark read. */
const COPIED = [
  ...['package.json', 'binding.d.ts', 'tsconfig.json', 'vitest.config.ts', 'LICENSE', 'NOTICE'],
  ...['dist', 'lib', 'test', 'bench'],
  ...['scripts/test-gpu.mjs', 'scripts/tally.mjs', 'scripts/setup/stamp.mjs'],
]
const BINARIES = ['googlenet.node', 'googlenet-addon.so', 'googlenet-cuda.so'].map(
  (name) => `build/Release/${name}`,
)
const BUILDING = ['cmake-js', 'node-addon-api']

/** What the package needs when it runs, and vitest. */
function packagesNeeded() {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return ['vitest', ...Object.keys(dependencies).filter((name) => !BUILDING.includes(name))]
}

/** The folders below node_modules of these packages and all that they need and that is installed. */
function packageFolders(names) {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const folders = new Set()
  const add = (name, from) => {
    const places = [...(from ? [`${from}/node_modules/${name}`] : []), `node_modules/${name}`]
    const place = places.find((path) => packages[path])
    if (!place || folders.has(place) || !existsSync(join(root, place))) return
    folders.add(place)
    const { dependencies, optionalDependencies } = packages[place]
    for (const needed of Object.keys({ ...dependencies, ...optionalDependencies })) add(needed, place)
  }
  for (const name of names) add(name)
  return [...folders]
}

const missing = BINARIES.filter((path) => !existsSync(join(root, path)))
if (missing.length > 0) {
  console.error(`${missing.join(', ')} missing: the bundle needs a build with nvcc (npm run setup)`)
  process.exit(1)
}

for (const path of [...COPIED, ...packageFolders(packagesNeeded())]) {
  cpSync(join(root, path), join(tree, path), {
    recursive: true,
    filter: (source) => !/\.map$|\/bench\/results\//.test(source),
  })
}
for (const path of BINARIES) copyStripped(join(root, path), join(tree, path))
copyStripped(process.execPath, join(tree, 'bin/node'))
for (const file of [...BINARIES.map((path) => join(root, path)), process.execPath]) {
  for (const { name, path } of librariesOf(file)) {
    const folder = STANDARD.test(name) ? 'lib/standard' : 'lib/shared'
    copyStripped(path, join(tree, 'bin', folder, name))
  }
}
copyFileSync(join(root, 'scripts/bundle/run.sh'), join(stage, 'run.sh'))
chmodSync(join(stage, 'run.sh'), 0o755)

run(join(tree, 'bin/node'), ['--input-type=module', '--eval', "await import('./dist/lib/index.js')"], {
  cwd: tree,
  env: { ...process.env, LD_LIBRARY_PATH: join(tree, 'bin/lib/shared') },
})

console.log(`Packing ${basename(archive)} (a minute or two) ...`)
run('tar', ['-cJf', 'payload.tar.xz', 'googlenet'], { cwd: stage, env: { ...process.env, XZ_OPT: '-9 -T2' } })
run('tar', ['-cf', archive, 'run.sh', 'payload.tar.xz'], { cwd: stage })
rmSync(stage, { recursive: true })
const { size } = statSync(archive)
console.log(`${archive}: ${(size / 1e6).toFixed(1)} MB`)
if (size > MOST_BYTES) {
  console.error(`more than ${MOST_BYTES / 1e6} MB: narrow it with GOOGLENET_CUDA_ARCHITECTURES`)
  process.exit(1)
}
