import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The package's folder: this file runs as `lib/packageRoot.ts` under the tests and from `dist/lib` installed. */
export const packageRoot = (() => {
  const here = dirname(fileURLToPath(import.meta.url))
  return here.endsWith(join('dist', 'lib')) ? join(here, '..', '..') : join(here, '..')
})()

export const packageVersion = (
  JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }
).version
