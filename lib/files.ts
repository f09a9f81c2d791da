import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { asGoogLeNetError } from './errors.js'

/**
 * Writes a file so that at every moment, power cut included, `path` holds the old content or the new, whole:
 * beside it, fsync, rename, fsync of the folder. `write` receives the open file.
 *
 * @throws ERR_GOOGLENET_IO when the folder cannot be written or the disk is full; `path` is untouched then.
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array | ((file: FileHandle) => Promise<void>),
): Promise<void> {
  const beside = `${path}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`
  try {
    const file = await open(beside, 'wx')
    try {
      if (typeof content === 'function') await content(file)
      else await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
    await syncFolder(dirname(path))
  } catch (error) {
    await rm(beside, { force: true })
    throw asGoogLeNetError(error, 'ERR_GOOGLENET_IO', `cannot write ${path}`)
  }
}

/**
 * Writes a file that can be made again at the first of these paths that takes it, making its folder. Returns that
 * path; undefined where none does.
 */
export async function writeWherePossible(
  paths: readonly string[],
  content: Uint8Array,
): Promise<string | undefined> {
  for (const path of paths) {
    try {
      await mkdir(dirname(path), { recursive: true })
      await writeFileAtomic(path, content)
      return path
    } catch {
      // A folder that cannot be written: the next path.
    }
  }
  return undefined
}

/** Removes what writers that ended in the middle have left in a folder. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const [, pid] = /\.(\d+)-[0-9a-f]{8}\.tmp$/.exec(name) ?? []
    if (pid !== undefined && !isProcessAlive(Number(pid))) await rm(join(folder, name), { force: true })
  }
}

/** Whether a process of this machine is still running. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
