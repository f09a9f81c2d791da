/**
 * Everything that needs a card, in one command: `npm run test:gpu`. The layer table and the parity with PyTorch on
 * device cuda, then test/cuda. Without a card each part is skipped and says why; the exit code is then 0. The last
 * line is `N passed, N failed, N skipped`.
 *
 *   npm run test:gpu                 all of it
 *   npm run test:gpu -- -t oneWord   what matches, as vitest's -t
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { filesIn } from './setup/stamp.mjs'
import { root, Tally } from './tally.mjs'

const tables = ['conformance/layers', 'conformance/training', 'conformance/dropout', 'parity/parity']
const files = [
  ...tables.map((name) => join(root, `test/${name}.test.ts`)),
  ...filesIn(join(root, 'test/cuda/card')).filter((path) => path.endsWith('.test.ts')),
]
const tally = new Tally()
tally.runVitest(files, {
  env: { ...process.env, GOOGLENET_TEST_DEVICES: process.env.GOOGLENET_TEST_DEVICES ?? 'cuda' },
  // One file at a time: they share the card, and its memory is measured.
  args: ['--maxWorkers=1', ...process.argv.slice(2), ...files],
})
if (tally.passed === 0 && existsSync('/dev/nvidia0')) {
  console.log(
    'There is a GPU and nothing ran on it: a failure, and its reason above. `googlenet doctor` says more.',
  )
  tally.failed++
}
console.log(String(tally))
process.exitCode = tally.failed > 0 ? 1 : 0
