/**
 * The fuzzers of what is read in TypeScript: test/fuzz/readers, run by Jazzer.js, which is libFuzzer led by the coverage
 * of JavaScript. It is fetched when it is wanted: a hundred packages that nothing else needs.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../tally.mjs'
import { runsOnOlderSystems } from './olderSystems.mjs'

const version = '4.0.0'
const place = join(root, 'build/jazzer')
const core = join(place, 'node_modules/@jazzer.js/core')
const compiled = join(root, 'build/fuzz/js')

export const readers = readdirSync(join(root, 'test/fuzz/readers'))
  .filter((name) => name !== 'checks.ts')
  .map((name) => name.replace('.ts', ''))

/** Anything with a code of this process's npm and tsc; the output is the user's to read. */
function run(program, args) {
  const { status } = spawnSync(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed`)
}

export function buildReaders() {
  const manifest = join(core, 'package.json')
  if (!existsSync(manifest) || JSON.parse(readFileSync(manifest, 'utf8')).version !== version) {
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund']
    run('npm', ['install', '--prefix', place, ...quiet, `@jazzer.js/core@${version}`])
  }
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'test/fuzz/tsconfig.json'])
}

const moduleOf = (target) => join(compiled, `test/fuzz/readers/${target}.js`)

export async function writeReaderSeeds(target, folder) {
  const { seeds } = await import(moduleOf(target))
  for (const [i, seed] of seeds().entries()) writeFileSync(join(folder, String(i)), seed)
}

/** The program and its first arguments, to be followed by the folders of inputs; libFuzzer's own come behind `--`. */
export function readerCommand(target) {
  const env = runsOnOlderSystems(
    join(place, 'node_modules/@jazzer.js/fuzzer/prebuilds/fuzzer-linux-x64.node'),
    place,
  )
  return {
    program: process.execPath,
    args: [
      join(core, 'dist/cli.js'),
      moduleOf(target),
      '-i',
      compiled,
      '-i',
      'hyparquet',
      '--timeout',
      '20000',
    ],
    env,
  }
}
