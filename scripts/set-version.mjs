/**
 * Gives both packages, what the one wants of the other, and the lock a version; a release does it.
 *
 *   node scripts/set-version.mjs 1.2.3
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const version = process.argv[2]
if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version ?? '')) {
  console.error('usage: node scripts/set-version.mjs <major.minor.patch>')
  process.exit(2)
}

const cuda = 'googlenet-cuda-linux-x64'
function edit(file, change) {
  const path = join(root, file)
  const content = JSON.parse(readFileSync(path, 'utf8'))
  change(content)
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`)
}
function setMain(content) {
  content.version = version
  content.optionalDependencies[cuda] = version
}

edit('package.json', setMain)
edit('packages/cuda-linux-x64/package.json', (content) => {
  content.version = version
})
edit('package-lock.json', (lock) => {
  lock.version = version
  setMain(lock.packages[''])
  lock.packages['packages/cuda-linux-x64'].version = version
})
