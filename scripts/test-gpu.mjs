/**
 * Everything that needs a card, in one command: `npm run test:gpu`. The layer table and the parity with PyTorch on
 * device cuda, then test/cuda/card. Without a card each part is skipped and says why; the exit code is then 0. The last
 * line is `N passed, N failed, N skipped`.
 *
 *   npm run test:gpu                         all of it
 *   npm run test:gpu -- layers parity        the files whose paths hold one of these
 *   npm run test:gpu -- -t oneWord           what matches, as vitest's -t
 *   npm run test:gpu -- --emulated layers    without a card, on one that is emulated (scripts/emulated.mjs), slowly
 */
import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { filesIn } from './setup/stamp.mjs'
import { root, Tally } from './tally.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    testNamePattern: { type: 'string', short: 't' },
    emulated: { type: 'boolean', default: false },
  },
})
const tables = ['conformance/layers', 'conformance/training', 'parity/parity', 'conformance/dropout']
const all = [
  ...tables.map((name) => join(root, `test/${name}.test.ts`)),
  ...filesIn(join(root, 'test/cuda/card')).filter((path) => path.endsWith('.test.ts')),
]
/** Takes minutes, and its tool refuses some machines: last. */
const isSlow = (path) => path.endsWith('sanitizer.test.ts')
const files = all
  .filter(
    (path) => positionals.length === 0 || positionals.some((part) => relative(root, path).includes(part)),
  )
  .toSorted((a, b) => Number(isSlow(a)) - Number(isSlow(b)))
if (files.length === 0) {
  console.error(`no file's path holds ${positionals.join(' or ')}`)
  process.exit(2)
}

const card = values.emulated ? (await import('./emulated.mjs')).emulatedCard() : process.env
const env = { ...card, GOOGLENET_TEST_DEVICES: card.GOOGLENET_TEST_DEVICES ?? 'cuda' }
if (!process.stdout.isTTY) env.NO_COLOR = '1'
const pattern = values.testNamePattern
const args = pattern === undefined ? [] : [`--testNamePattern=${pattern}`]
const tally = new Tally()
for (const file of files) {
  // One after the other: they share the card, and its memory is measured. Each says at once what failed, so that a run
  // that is cut off has told it.
  const begun = performance.now()
  tally.runVitest([file], { env, args: ['--maxWorkers=1', ...args, file] })
  const seconds = ((performance.now() - begun) / 1000).toFixed(0)
  console.log(`after ${relative(root, file)}, ${seconds} s: ${tally}`)
}
if (tally.passed === 0 && existsSync('/dev/nvidia0')) {
  console.log(
    'There is a GPU and nothing ran on it: a failure, and its reason above. `googlenet doctor` says more.',
  )
  tally.failed++
}
console.log(String(tally))
process.exitCode = tally.failed > 0 ? 1 : 0
