/**
 * Checks the C++: clang-format over every file, clang-tidy over every C++ source that is built here and has changed
 * since it last passed.
 * Needs build/compile_commands.json (node scripts/setup.mjs --dev). Exit code 1 on any finding.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { filesIn } from './setup/stamp.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const native = join(root, 'native')
const cache = join(root, 'build/.tidy')

/** The file and every header of ours that it includes, directly or not. */
function withIncludes(file, seen = new Set()) {
  if (seen.has(file)) return seen
  seen.add(file)
  for (const [, name] of readFileSync(file, 'utf8').matchAll(/^#include "(.+)"/gm)) {
    const header = [join(native, name), join(dirname(file), name)].find((path) => existsSync(path))
    if (header) withIncludes(header, seen)
  }
  return seen
}

function tidyKey(file) {
  const hash = createHash('sha256')
  for (const path of [join(root, '.clang-tidy'), join(root, 'CMakeLists.txt'), ...withIncludes(file)]) {
    hash.update(readFileSync(path))
  }
  return hash.digest('hex')
}

/** A folder with GCC's omp.h alone, less an attribute that clang does not know: clang comes without one. */
function ompInclude() {
  const header = spawnSync('g++', ['-print-file-name=include/omp.h'], { encoding: 'utf8' }).stdout.trim()
  const folder = join(cache, 'include')
  mkdirSync(folder, { recursive: true })
  const text = readFileSync(header, 'utf8').replaceAll('__malloc__ (omp_free)', '__malloc__')
  writeFileSync(join(folder, 'omp.h'), text)
  return folder
}

function tidy(file, include) {
  return new Promise((done) => {
    const options = ['--quiet', '-p', join(root, 'build'), `--extra-arg=-isystem${include}`]
    const child = spawn('clang-tidy', [...options, file], { cwd: root })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.on('close', (code) => done({ passed: code === 0, output }))
  })
}

const files = filesIn(native).filter((path) => /\.(cpp|h|cu|cuh)$/.test(path))
const format = spawnSync('clang-format', ['--dry-run', '-Werror', ...files], { cwd: root, stdio: 'inherit' })
let failed = format.status !== 0

const include = ompInclude()
const commands = JSON.parse(readFileSync(join(root, 'build/compile_commands.json'), 'utf8'))
const built = new Set(commands.map(({ file }) => file))
const queue = files
  .filter((path) => path.endsWith('.cpp') && built.has(path))
  .map((file) => ({ file, key: join(cache, tidyKey(file)) }))
  .filter(({ key }) => !existsSync(key))
async function work() {
  for (let job = queue.shift(); job; job = queue.shift()) {
    const { passed, output } = await tidy(job.file, include)
    if (passed) writeFileSync(job.key, '')
    else console.log(output)
    failed ||= !passed
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, work))
process.exitCode = failed ? 1 : 0
