/**
 * Everything `npm test` does: sets up what is missing, checks types, style and the C++, then runs the tests.
 * The last line is `N passed, N failed, N skipped`: tests, and every failed check as one failure more.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { filesIn } from './setup/stamp.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const node = process.execPath
const count = { passed: 0, failed: 0, skipped: 0 }

/** Runs a command; a failure counts as one. */
function check(title, command) {
  const started = Date.now()
  console.log(`== ${title}`)
  const [program, ...args] = command
  const { status } = spawnSync(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  const passed = status === 0
  console.log(`== ${title}: ${passed ? 'passed' : 'FAILED'}, ${Math.round((Date.now() - started) / 1000)} s`)
  if (!passed) count.failed++
  return passed
}

function runTests() {
  const folder = mkdtempSync(join(tmpdir(), 'googlenet-test-'))
  const resultFile = join(folder, 'results.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${resultFile}`]
  const failedBefore = count.failed
  const ended = check('Tests', [node, 'node_modules/vitest/vitest.mjs', 'run', ...reporters])
  // Each failed test is counted below; the run as a whole is a failure of its own only when none of them explains it.
  count.failed = failedBefore
  const suites = readResults(resultFile)
  rmSync(folder, { recursive: true, force: true })

  for (const suite of suites) countSuite(suite)
  const reported = new Set(suites.map((suite) => resolve(suite.name)))
  for (const file of filesIn(join(root, 'test')).filter((path) => path.endsWith('.test.ts'))) {
    if (reported.has(file)) continue
    console.log(`no result came from ${relative(root, file)}`)
    count.failed++
  }
  if (!ended && count.failed === failedBefore) count.failed++
}

/** None when vitest itself came to no end; every file then counts as one without a result. */
function readResults(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).testResults
  } catch (error) {
    console.log(`no results: ${error.message}`)
    return []
  }
}

function countSuite(suite) {
  const name = relative(root, suite.name)
  for (const test of suite.assertionResults) {
    if (test.status === 'passed') count.passed++
    else if (test.status === 'skipped' || test.status === 'todo') {
      console.log(`skipped: ${name}: ${test.fullName}`)
      count.skipped++
    } else count.failed++ // Failed, or begun and never ended because the process did.
  }
  if (suite.assertionResults.length === 0 || (suite.status === 'failed' && !anyFailed(suite))) {
    console.log(`${name} could not be run: ${suite.message || 'it holds no tests'}`)
    count.failed++
  }
}

function anyFailed(suite) {
  return suite.assertionResults.some((test) => test.status === 'failed')
}

if (check('Setup', [node, 'scripts/setup.mjs', '--dev'])) {
  check('Types', [node, 'node_modules/typescript/bin/tsc', '--noEmit'])
  check('Style', [node, 'node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'])
  check('C++ checks', [node, 'scripts/check-native.mjs'])
  runTests()
}
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
process.exitCode = count.failed > 0 ? 1 : 0
