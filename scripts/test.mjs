/**
 * Everything `npm test` does: sets up what is missing, checks types, style and the C++, then runs the tests.
 * The last line is `N passed, N failed, N skipped`: tests, and every failed check as one failure more.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { emulatedCard } from './emulated.mjs'
import { filesIn } from './setup/stamp.mjs'
import { root, Tally } from './tally.mjs'

const node = process.execPath
const tally = new Tally()

function timed(title, work) {
  const started = Date.now()
  console.log(`== ${title}`)
  const passed = work()
  console.log(`== ${title}: ${passed ? 'passed' : 'FAILED'}, ${Math.round((Date.now() - started) / 1000)} s`)
  return passed
}

/** Runs a command; a failure counts as one. */
function check(title, [program, ...args]) {
  return timed(title, () => {
    const { status } = spawnSync(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
    if (status !== 0) tally.failed++
    return status === 0
  })
}

function runTests(title, files, options) {
  timed(title, () => {
    const before = tally.failed
    tally.runVitest(files, options)
    return tally.failed === before
  })
}

/** The whole CUDA backend, where there are NVIDIA's headers to build it: layers, and a small network of each variant. */
function runOnEmulatedCard() {
  const networks = 'paper-b2-s97-c7,torchvision-b3-s97-c7,w144-b7-s64-c10'
  const names = ['conformance/layers', 'conformance/training', 'parity/parity', 'conformance/dropout']
  const files = names.map((name) => join(root, `test/${name}.test.ts`))
  let env
  const built = timed('An emulated card', () => {
    try {
      env = emulatedCard()
    } catch (error) {
      console.log(error.message)
      tally.failed++
    }
    return env !== undefined
  })
  if (!built) return
  env.GOOGLENET_TEST_FIXTURES = networks
  runTests('Tests on an emulated card', files, { env, args: files })
}

if (check('Setup', [node, 'scripts/setup.mjs', '--dev'])) {
  check('Types', [node, 'node_modules/typescript/bin/tsc', '--noEmit'])
  check('Style', [node, 'node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'])
  check('C++ checks', [node, 'scripts/check-native.mjs'])
  check('Sanitizers: addresses', [node, 'scripts/sanitize.mjs', 'address'])
  check('Sanitizers: threads', [node, 'scripts/sanitize.mjs', 'thread'])
  runTests(
    'Tests',
    filesIn(join(root, 'test')).filter((path) => path.endsWith('.test.ts')),
  )
  if (existsSync(join(root, 'build/Release/googlenet-cuda.so'))) runOnEmulatedCard()
}
console.log(String(tally))
process.exitCode = tally.failed > 0 ? 1 : 0
