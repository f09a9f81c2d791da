/** Files of machine code and what they need: shared by what packs them. */
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'

/** Of the C library's, which every Linux has and which belong to its kernel and loader. */
const SYSTEM = /^(ld-linux|linux-vdso|lib(c|m|dl|rt|pthread)\.so)/
/** The host's own are taken where they are new enough: what else is started inherits them. */
export const STANDARD = /^lib(stdc\+\+|gcc_s)\./

export function run(program, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...options,
  })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}`)
  return stdout
}

export function copyStripped(from, to) {
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(realpathSync(from), to)
  chmodSync(to, 0o755)
  run('strip', ['--strip-unneeded', to])
}

/** The shared libraries that a file needs, as the linker of this machine finds them. */
export function librariesOf(file) {
  const found = run('ldd', [file]).matchAll(/^\s*(\S+) => (\/\S+)/gm)
  return [...found].map(([, name, path]) => ({ name, path })).filter(({ name }) => !SYSTEM.test(name))
}

/** Those that a package brings: all but what Node.js needs as well. */
export const bundledLibraries = (file) => librariesOf(file).filter(({ name }) => !STANDARD.test(name))

/** The newest version of each kind that files want of the system: `{ GLIBC: '2.34', GLIBCXX: '3.4.30' }`. */
export function symbolVersions(files) {
  const newest = {}
  for (const [, kind, version] of files.flatMap((file) => [
    ...run('objdump', ['-T', file]).matchAll(/\*UND\*.*\((GLIBC|GLIBCXX)_([\d.]+)\)/g),
  ])) {
    const order = (newest[kind] ?? '0').localeCompare(version, 'en', { numeric: true })
    if (order < 0) newest[kind] = version
  }
  return newest
}
