/**
 * Fuzzes whatever reads bytes of strangers: pictures (C++, with sanitizers; needs clang), and archives, indexes, lists,
 * weights and servers' answers (TypeScript).
 *
 *   npm run fuzz                                   each target for one minute
 *   npm run fuzz -- jpeg tar --minutes 10          these targets, each for ten
 *   npm run fuzz -- --minutes 10 --keep            and adds to test/fuzz/corpus what covers more
 *
 * Inputs are what the tests have and test/fuzz/corpus. A finding is written to build/fuzz, and the exit code is 1.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildPictures, pictureCommand, pictures, writePictureSeeds } from './fuzz/pictures.mjs'
import { buildReaders, readerCommand, readers, writeReaderSeeds } from './fuzz/readers.mjs'
import { root } from './tally.mjs'

const targets = [...pictures, ...readers]
const largest = 8192
const largestKept = 2048
const isPicture = (target) => pictures.includes(target)

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '1' }, keep: { type: 'boolean', default: false } },
})
const asked = positionals.length > 0 ? positionals : targets
const seconds = Math.round(Number(values.minutes) * 60)
const unknown = asked.filter((target) => !targets.includes(target))
if (unknown.length > 0 || !(seconds > 0)) {
  console.error(`usage: npm run fuzz -- [${targets.join('|')}] [--minutes <n>] [--keep]`)
  process.exit(2)
}

/** Runs a target's fuzzer over folders of inputs. */
function run(target, folders, flags, stdio) {
  const { program, args, env } = isPicture(target) ? pictureCommand(target) : readerCommand(target)
  const own = isPicture(target) ? flags : ['--', ...flags]
  return spawnSync(program, [...args, ...folders, ...own], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio,
  }).status
}

async function fuzz(target) {
  const work = join(root, 'build/fuzz', target)
  const corpus = join(root, 'test/fuzz/corpus', target)
  const seeds = join(work, 'seeds')
  rmSync(seeds, { recursive: true, force: true })
  for (const folder of [join(work, 'found'), corpus, seeds]) mkdirSync(folder, { recursive: true })
  await (isPicture(target) ? writePictureSeeds : writeReaderSeeds)(target, seeds)
  const dictionary = join(root, `test/fuzz/${target}.dict`)
  const flags = [
    `-max_len=${largest}`,
    '-timeout=20',
    '-rss_limit_mb=4096',
    `-max_total_time=${seconds}`,
    '-print_final_stats=1',
    `-artifact_prefix=${work}/`,
    ...(existsSync(dictionary) ? [`-dict=${dictionary}`] : []),
  ]
  const status = run(target, [join(work, 'found'), corpus, seeds], flags, 'inherit')
  if (status === 0 && values.keep) keep(target, work, corpus)
  return status === 0
}

/** Adds the smallest inputs that cover what the seeds don't. */
function keep(target, work, corpus) {
  const merged = join(work, 'merged')
  rmSync(merged, { recursive: true, force: true })
  mkdirSync(merged)
  const inputs = [merged, join(work, 'seeds'), corpus, join(work, 'found')]
  run(target, inputs, ['-merge=1', `-max_len=${largestKept}`], 'ignore')
  const seeds = join(work, 'seeds')
  const known = new Set(readdirSync(seeds).map((name) => textOf(join(seeds, name))))
  for (const name of readdirSync(merged)) {
    const bytes = readFileSync(join(merged, name))
    if (bytes.length <= largestKept && !known.has(bytes.toString('latin1'))) {
      writeFileSync(join(corpus, name), bytes)
    }
  }
  console.log(`${target}: ${readdirSync(corpus).length} inputs in ${corpus}`)
}

const textOf = (path) => readFileSync(path).toString('latin1')

try {
  if (asked.some(isPicture)) buildPictures()
  if (!asked.every(isPicture)) buildReaders()
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
const failed = []
for (const target of asked) if (!(await fuzz(target))) failed.push(target)
for (const target of failed) console.error(`${target}: a finding, in build/fuzz/${target}`)
process.exitCode = failed.length > 0 ? 1 : 0
