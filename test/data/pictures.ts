import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll } from 'vitest'
import { hash } from '../../lib/data/order.js'
import { encodePng } from '../../lib/report/png.js'

/** A folder that is there until the tests of the file have run. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'googlenet-'))
  afterAll(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A PNG of one colour with grain: classes differ in colour, pictures of a class in grain. */
export function drawPicture(colour: number, grain: number, size = 64): Buffer {
  const data = new Uint8Array(size * size * 3)
  for (let i = 0; i < data.length; i++) {
    const base = hash(colour, i % 3) & 0xff
    data[i] = Math.round(0.7 * base + 0.3 * (hash(grain, i) & 0xff))
  }
  return encodePng({ width: size, height: size, channels: 3, data })
}

/** Writes files; the content is a picture unless a text is given. */
export async function place(folder: string, files: readonly string[], content?: string): Promise<void> {
  for (const [i, name] of files.entries()) {
    const path = join(folder, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content ?? drawPicture(name.length, i))
  }
}

/** Class folders with that many pictures each. */
export async function placeClasses(folder: string, counts: Readonly<Record<string, number>>): Promise<void> {
  for (const [label, [name, count]] of Object.entries(counts).entries()) {
    await mkdir(join(folder, name), { recursive: true })
    for (let i = 0; i < count; i++) {
      await writeFile(join(folder, name, `${String(i).padStart(3, '0')}.png`), drawPicture(label, i))
    }
  }
}
