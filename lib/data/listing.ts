import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { GoogLeNetError } from '../errors.js'

const pictureName = /\.(jpe?g|jpe|jfif|png)$/i

/** Whether a file's name is that of a picture. */
export const isPicture = (name: string): boolean => pictureName.test(name)

/** What is in a folder, hidden entries left out; names sorted by UTF-16 code units, as Python's `sorted` has them. */
export interface Listing {
  folders: string[]
  pictures: string[]
}

/**
 * Lists one folder. Links count as what they lead to; one that leads nowhere counts by its name, so that a picture
 * which has gone is reported when it is read, not silently left out.
 *
 * @throws ERR_GOOGLENET_DATA when it is not a folder or cannot be listed.
 */
export async function listFolder(path: string): Promise<Listing> {
  const listing: Listing = { folders: [], pictures: [] }
  for (const entry of await readEntries(path)) {
    if (entry.name.startsWith('.')) continue
    // Asked only where the entry does not say: a wait for each of a million files would take seconds.
    const isFolder = entry.isDirectory() || (!entry.isFile() && (await leadsToFolder(join(path, entry.name))))
    if (isFolder) listing.folders.push(entry.name)
    else if (isPicture(entry.name)) listing.pictures.push(entry.name)
  }
  listing.folders.sort()
  listing.pictures.sort()
  return listing
}

/**
 * The pictures below a folder, its subfolders included: paths relative to it, sorted by UTF-16 code units.
 *
 * @param above real paths of the folders around it: a link to one of them leads round and is not followed.
 * @throws ERR_GOOGLENET_DATA.
 */
export async function listPictures(path: string, above: readonly string[]): Promise<string[]> {
  const names: string[] = []
  const visit = async (folder: string, around: readonly string[]): Promise<void> => {
    const { folders, pictures } = await listFolder(join(path, folder))
    const real = await realpath(join(path, folder))
    if (around.includes(real)) return
    for (const name of pictures) names.push(join(folder, name))
    for (const name of folders) await visit(join(folder, name), [...around, real])
  }
  await visit('', above)
  return names.sort()
}

async function readEntries(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const found =
      code === 'ENOENT'
        ? 'there is no such folder'
        : code === 'ENOTDIR'
          ? 'it is not a folder'
          : `it cannot be listed (${code})`
    throw new GoogLeNetError(
      'ERR_GOOGLENET_DATA',
      `${path}: ${found}; name a folder that holds one folder of pictures for each class`,
      { cause },
    )
  }
}

/** For links, and for file systems that don't tell what an entry is until it is asked for. */
async function leadsToFolder(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => undefined)
  return status?.isDirectory() ?? false
}
