import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ImageFolder } from '../../lib/data/imageFolder.js'
import { inspect } from '../../lib/data/inspect.js'
import { renderContactSheet } from '../../lib/report/contactSheet.js'
import { drawPicture, place, placeClasses, temporaryFolder } from './pictures.js'

async function pictures(): Promise<ImageFolder> {
  const folder = await temporaryFolder()
  await placeClasses(folder, { 'train/cat': 4, 'train/<dog>': 8, 'val/cat': 1, 'val/<dog>': 1 })
  await writeFile(join(folder, 'train/cat/large.png'), drawPicture(0, 0, 200))
  await cp(
    new URL('../images/fixtures/portrait.jpg', import.meta.url),
    join(folder, 'train/cat/portrait.jpg'),
  )
  await place(folder, ['train/cat/note.jpg'], 'this is no picture')
  return ImageFolder.open(folder)
}

test('counts, sizes, balance and what is broken, by name and reason', async () => {
  const found = await inspect(await pictures())
  expect(found.parts).toEqual({ train: 15, validation: 2 })
  expect(found.classes).toEqual([
    { name: '<dog>', train: 8, validation: 1 },
    { name: 'cat', train: 7, validation: 1 },
  ])
  expect(found.imbalance).toBeCloseTo(8 / 7)
  expect(found.inspected).toBe(17)
  expect(found.broken).toEqual([
    { name: 'train/cat/note.jpg', reason: 'is not a picture; only JPEG and PNG are read' },
  ])
  expect(found.shortSide).toMatchObject({ least: 61, median: 64, greatest: 200 })
  expect([...found.thumbnails.values()].map((list) => list.length).sort()).toEqual([8, 7].sort())
})

test('a sample of the pictures is evenly spread', async () => {
  const { inspected, thumbnails, parts } = await inspect(await pictures(), { sample: 5, thumbnails: 2 })
  expect(inspected).toBe(7)
  expect(parts).toEqual({ train: 15, validation: 2 })
  expect([...thumbnails.keys()].sort()).toEqual([0, 1])
  for (const list of thumbnails.values()) {
    expect(list.length).toBeLessThanOrEqual(2)
    for (const { jpeg } of list) expect([...jpeg.subarray(0, 3)]).toEqual([0xff, 0xd8, 0xff])
  }
})

test('the contact sheet holds all it shows, and what is in names is text', async () => {
  const inspection = await inspect(await pictures())
  const page = renderContactSheet({ source: '<b>set</b>', inspection, written: new Date(0) })
  expect(page).toContain('&lt;dog&gt;')
  expect(page).not.toMatch(/<dog>|<b>set/)
  expect(page.match(/src="data:image\/jpeg;base64,/g)).toHaveLength(15)
  expect(page).not.toMatch(/(src|href)="(?!data:)/)
  expect(page).toContain('train/cat/note.jpg')
  expect(page).toContain('1970-01-01 00:00 UTC')
})

test('can be ended, and refuses wrong options', async () => {
  const data = await pictures()
  await expect(inspect(data, { signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'ERR_GOOGLENET_ABORTED',
  })
  for (const wrong of [{ sample: 0 }, { thumbnails: -1 }, { threads: 0.5 }]) {
    await expect(inspect(data, wrong)).rejects.toMatchObject({ code: 'ERR_GOOGLENET_OPTION' })
  }
})
