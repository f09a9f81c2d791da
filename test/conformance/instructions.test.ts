import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { rows } from './cases.js'

const run = promisify(execFile)
const env = { ...process.env, ONEDNN_MAX_CPU_ISA: 'AVX2', GOOGLENET_TEST_DEVICES: 'cpu', NO_COLOR: '1' }

/** The kernels for the floor of the build, on a CPU that may have more: the CPU backend goes no further than oneDNN. */
it('computes the table of wide convolutions with AVX2 alone', async () => {
  const wide = rows.filter((row) => row.name.startsWith('wide'))
  const system = "console.log(require('node-gyp-build')(process.cwd()).system().onednn.isa)"
  const { stdout: isa } = await run(process.execPath, ['-e', system], { env })
  expect(isa).toMatch(/^AVX2/)
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', 'test/conformance/layers.test.ts']
  const { stdout } = await run(process.execPath, [...vitest, '-t', 'wide', '--reporter=json'], {
    env,
  })
  const { numPassedTests, numFailedTests } = JSON.parse(stdout) as Record<string, number>
  expect({ numPassedTests, numFailedTests }).toEqual({ numPassedTests: 2 * wide.length, numFailedTests: 0 })
})
