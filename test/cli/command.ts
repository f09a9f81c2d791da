import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../../lib/packageRoot.js'

const builtMain = join(packageRoot, 'dist/lib/cli/main.js')

export interface StartOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  /** Another main.js than the package's own. */
  main?: string
}

export interface Ended {
  /** Exit code; the signal's name when it was killed. */
  code: number | string
  stdout: string
  stderr: string
}

export interface Running {
  child: ChildProcess
  /** Resolves when the text has appeared on either stream; rejects when the command ends before. */
  shows(text: string): Promise<void>
  ended: Promise<Ended>
}

/** Starts the built command line as a user's shell does. */
export function start(
  args: readonly string[],
  { main = builtMain, env, ...options }: StartOptions = {},
): Running {
  if (!existsSync(main)) throw new Error(`${main} is missing: run npm run build:ts`)
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
    env: { ...process.env, ...env },
  })
  const output = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text
    })
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code: code ?? signal ?? '', ...output }))
  })
  const shows = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => (output.stdout + output.stderr).includes(text) && resolve()
      for (const stream of [child.stdout, child.stderr]) stream.on('data', look)
      ended.then(({ stderr }) => reject(new Error(`ended without "${text}": ${stderr}`)), reject)
      look()
    })
  return { child, shows, ended }
}

/** Runs the command line to its end. */
export const googlenet = (args: readonly string[], options?: StartOptions): Promise<Ended> =>
  start(args, options).ended

/** The JSON objects on standard output; throws when anything else is there. */
export const jsonLines = ({ stdout }: Ended): Record<string, unknown>[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

export async function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'googlenet-cli-'))
}

export const remove = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true })

/** A small data set: some pictures of some classes of the drawings that come along. */
export async function copyPictures(folder: string, classes: readonly string[], each: number): Promise<void> {
  for (const name of classes) {
    const from = join(packageRoot, 'data/emoji/train', name)
    await mkdir(join(folder, name), { recursive: true })
    const pictures = (await readdir(from)).sort().slice(0, each)
    for (const picture of pictures) await cp(join(from, picture), join(folder, name, picture))
  }
}
