/** The tarballs as they are published, made from this checkout. */
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { packageRoot } from '../../lib/packageRoot.js'

const run = promisify(execFile)

export interface Packed {
  path: string
  name: string
  version: string
  /** Bytes, packed and unpacked. */
  size: number
  unpackedSize: number
  files: { path: string; size: number }[]
}

export async function makePackages(): Promise<{ main: Packed; cuda: Packed }> {
  const folder = join(packageRoot, 'build/packages')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const options = { cwd: packageRoot, maxBuffer: 1 << 28 }
  await run(process.execPath, ['scripts/prebuild.mjs'], options)
  const pack = [
    'pack',
    '--json',
    '--ignore-scripts',
    '--pack-destination',
    folder,
    '.',
    './packages/cuda-linux-x64',
  ]
  const { stdout } = await run('npm', pack, options)
  const [main, cuda] = (JSON.parse(stdout) as (Packed & { filename: string })[]).map((one) => ({
    ...one,
    path: join(folder, one.filename),
  }))
  return { main: main!, cuda: cuda! }
}
