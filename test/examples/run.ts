import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../../lib/packageRoot.js'
import { type Running, start } from '../cli/command.js'

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx'))

/** Starts an example as `npx tsx` does, against the built package. */
export const startExample = (name: string, args: readonly string[]): Running =>
  start(args, { main: join(packageRoot, 'examples', name), env: { NODE_OPTIONS: `--import=${tsx}` } })
