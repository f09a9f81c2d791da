import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DecodedBatch, Picture, PictureSource } from '../../binding.js'
import { embedMistakes } from '../../lib/report/pictures.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'googlenet-pictures-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Decodes every picture to white, but for files with "broken" in their name. */
const loader = {
  asked: [] as PictureSource[],
  async decode([picture]: Picture[]): Promise<DecodedBatch> {
    this.asked.push(picture!.source)
    const broken = String(picture!.source).includes('broken')
    return {
      data: new Uint8Array(broken ? 0 : 128 * 128 * 3).fill(255),
      positions: Int32Array.from(broken ? [] : [0]),
      failures: broken ? [{ position: 0, reason: 'broken' }] : [],
      onGpu: 0,
    }
  },
}

test('small files go in as they are, others as small pictures, unreadable ones not at all', async () => {
  const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3])
  const png = Buffer.from([0x89, 0x50, 0x4e, 0x47, 4, 5])
  const at = async (name: string, content: Uint8Array) => {
    await writeFile(join(folder, name), content)
    return join(folder, name)
  }
  const archive = await at('archive.tar', Buffer.concat([Buffer.alloc(512), jpeg, Buffer.alloc(512)]))
  const large = await at('large.jpg', Buffer.concat([jpeg, Buffer.alloc(100_000)]))
  const sources: PictureSource[] = [
    await at('small.jpg', jpeg),
    await at('small.png', png),
    { path: archive, offset: 512, length: jpeg.length },
    jpeg,
    large,
    join(folder, 'broken-absent.jpg'),
  ]
  const mistakes = sources.map((_, index) => ({ name: '', index, label: 0, predicted: 1, probability: 0.9 }))
  const source = {
    classes: ['a', 'b'],
    length: sources.length,
    sample: (index: number) => ({ source: sources[index]!, label: 0, name: '' }),
  }
  const embedded = await embedMistakes(source, mistakes, loader)
  const address = `data:image/jpeg;base64,${jpeg.toString('base64')}`
  expect([0, 2, 3].map((index) => embedded.get(index))).toEqual([address, address, address])
  expect(embedded.get(1)).toBe(`data:image/png;base64,${png.toString('base64')}`)
  expect(embedded.get(4)).toMatch(/^data:image\/png;base64,/)
  expect(embedded.has(5)).toBe(false)
  expect(loader.asked).toEqual([large, sources[5]])
})
