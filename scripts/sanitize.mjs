/**
 * Builds what reads pictures with a sanitizer, and runs its tests (test/images/native) under it.
 *
 *   npm run build:asan    AddressSanitizer and UndefinedBehaviorSanitizer, into build/asan
 *   npm run build:tsan    ThreadSanitizer, into build/tsan
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './tally.mjs'

const folders = { address: 'asan', thread: 'tsan' }

function run(program, args, env = {}) {
  const { status } = spawnSync(program, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  if (status !== 0) process.exit(1)
}

/** The newest clang++ that brings its sanitizers (clang-tidy comes with one that does not); undefined without one. */
function findClang() {
  const names = ['clang++', ...Array.from({ length: 12 }, (_, i) => `clang++-${25 - i}`)]
  const link = ['-fsanitize=address', '-x', 'c++', '-', '-o', '/dev/null']
  return names.find((name) => spawnSync(name, link, { input: 'int main() {}' }).status === 0)
}

/** @param {'address' | 'thread'} sanitizer @returns The folder of the programs. */
export function buildSanitized(sanitizer) {
  const folder = join(root, 'build', folders[sanitizer])
  const CXX = findClang() ?? 'g++'
  const definitions = [`-DSANITIZER=${sanitizer}`, `-DCMAKE_CXX_COMPILER=${CXX}`]
  run('cmake', ['-S', join(root, 'test/fuzz'), '-B', folder, '-G', 'Ninja', ...definitions])
  run('ninja', ['-C', folder])
  return folder
}

if (process.argv[1] === import.meta.filename) {
  const sanitizer = process.argv[2] ?? 'address'
  if (!(sanitizer in folders)) {
    console.error('usage: node scripts/sanitize.mjs address|thread')
    process.exit(2)
  }
  const folder = buildSanitized(sanitizer)
  const pictures = join(root, 'test/images/fixtures')
  const files = readdirSync(pictures).filter((name) => /\.(jpe?g|png)$/.test(name))
  run(join(folder, 'kernels'), [])
  run(
    join(folder, 'loader'),
    files.map((name) => join(pictures, name)),
    { TSAN_OPTIONS: 'halt_on_error=1' },
  )
}
