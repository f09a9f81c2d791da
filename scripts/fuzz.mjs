/**
 * Fuzzes the readers of pictures with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer (needs clang).
 *
 *   npm run fuzz                                   each target for one minute
 *   npm run fuzz -- jpeg png --minutes 10          these targets, each for ten
 *   npm run fuzz -- --minutes 10 --keep            and adds to test/fuzz/corpus what covers more
 *
 * Inputs are the pictures of the tests and test/fuzz/corpus. A finding is written to build/fuzz, and the exit code is 1.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildSanitized } from './sanitize.mjs'
import { root } from './tally.mjs'

const targets = ['jpeg', 'png', 'exif']
/** What a picture is made into: the fuzzers read it from their input's last byte (test/fuzz/picture.h). */
const choices = [0, 1, 5, 2, 10, 18, 34, 59]
const largest = 8192

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

/** The tests' pictures as the fuzzers take them. */
function writeSeeds(target, folder) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const pictures = join(root, 'test/images/fixtures')
  for (const name of readdirSync(pictures).filter((file) => /\.(jpe?g|png)$/.test(file))) {
    const bytes = readFileSync(join(pictures, name))
    const kind = bytes[0] === 0xff ? 'jpeg' : 'png'
    if ((target !== 'exif' && kind !== target) || bytes.length > largest) continue
    for (const choice of choices) {
      writeFileSync(join(folder, `${name}-${choice}`), Buffer.concat([bytes, Buffer.from([choice])]))
    }
  }
}

function fuzz(target) {
  const work = join(root, 'build/fuzz', target)
  const corpus = join(root, 'test/fuzz/corpus', target)
  for (const folder of [join(work, 'found'), corpus]) mkdirSync(folder, { recursive: true })
  writeSeeds(target, join(work, 'seeds'))
  const program = join(root, 'build/asan', `fuzz_${target}`)
  const limits = [`-max_len=${largest}`, '-timeout=20', '-rss_limit_mb=4096', '-verbosity=1']
  const { status } = spawnSync(
    program,
    [
      ...limits,
      `-max_total_time=${seconds}`,
      '-print_final_stats=1',
      `-artifact_prefix=${work}/`,
      `-dict=${join(root, `test/fuzz/${target}.dict`)}`,
      join(work, 'found'),
      corpus,
      join(work, 'seeds'),
    ],
    { stdio: 'inherit' },
  )
  if (status === 0 && values.keep) keep(target, program, work, corpus)
  return status === 0
}

/** Adds the smallest inputs that cover what the tests' pictures don't. */
function keep(target, program, work, corpus) {
  const merged = join(work, 'merged')
  rmSync(merged, { recursive: true, force: true })
  mkdirSync(merged)
  const inputs = [merged, join(work, 'seeds'), corpus, join(work, 'found')]
  spawnSync(program, ['-merge=1', `-max_len=2048`, ...inputs], { stdio: 'ignore' })
  const known = new Set(readdirSync(join(work, 'seeds')).map((name) => hashOf(join(work, 'seeds', name))))
  for (const name of readdirSync(merged)) {
    const bytes = readFileSync(join(merged, name))
    if (bytes.length <= 2048 && !known.has(bytes.toString('latin1'))) writeFileSync(join(corpus, name), bytes)
  }
  console.log(`${target}: ${readdirSync(corpus).length} inputs in ${corpus}`)
}

const hashOf = (path) => readFileSync(path).toString('latin1')

buildSanitized('address')
if (!existsSync(join(root, 'build/asan/fuzz_jpeg'))) {
  console.error('libFuzzer comes with clang, and no clang++ was found')
  process.exit(1)
}
const failed = asked.filter((target) => !fuzz(target))
for (const target of failed) console.error(`${target}: a finding, in build/fuzz/${target}`)
process.exitCode = failed.length > 0 ? 1 : 0
