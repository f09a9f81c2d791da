/** Runs vitest and counts what its tests came to: each one that failed, or that has no end, counts. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

export class Tally {
  passed = 0
  failed = 0
  skipped = 0

  /**
   * Runs the tests of these files.
   * @param {string[]} files Paths of test files, every one of which must give a result.
   * @param {{ env?: NodeJS.ProcessEnv, args?: string[] }} options For vitest.
   */
  runVitest(files, { env = process.env, args = [] } = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'googlenet-test-'))
    const resultFile = join(folder, 'results.json')
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${resultFile}`]
    const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...reporters, ...args]
    const { status } = spawnSync(process.execPath, vitest, {
      cwd: root,
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    const suites = readResults(resultFile)
    rmSync(folder, { recursive: true, force: true })

    const failedBefore = this.failed
    for (const suite of suites) this.#countSuite(suite)
    const reported = new Set(suites.map((suite) => resolve(suite.name)))
    for (const file of files) {
      if (reported.has(file)) continue
      console.log(`no result came from ${relative(root, file)}`)
      this.failed++
    }
    // The run as a whole is a failure of its own only when no test explains it.
    if (status !== 0 && this.failed === failedBefore) this.failed++
  }

  #countSuite(suite) {
    const name = relative(root, suite.name)
    for (const test of suite.assertionResults) {
      if (test.status === 'passed') this.passed++
      else if (test.status === 'skipped' || test.status === 'todo') {
        console.log(`skipped: ${name}: ${test.fullName}`)
        this.skipped++
      } else this.failed++ // Failed, or begun and never ended because the process did.
    }
    if (suite.assertionResults.length === 0 || (suite.status === 'failed' && !anyFailed(suite))) {
      console.log(`${name} could not be run: ${suite.message || 'it holds no tests'}`)
      this.failed++
    }
  }

  toString() {
    return `${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped`
  }
}

function anyFailed(suite) {
  return suite.assertionResults.some((test) => test.status === 'failed')
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
