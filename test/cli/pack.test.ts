import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { copyPictures, googlenet, jsonLines, remove, start, temporaryFolder } from './command.js'

let folder = ''
beforeAll(async () => {
  folder = await temporaryFolder()
  await copyPictures(join(folder, 'set'), ['clock', 'face', 'flag'], 10)
  await writeFile(join(folder, 'set/clock/broken.png'), 'no picture')
})
afterAll(() => remove(folder))

test('packs, names what it left out, and says the same as JSON', async () => {
  const out = join(folder, 'packed')
  const { code, stdout, stderr } = await googlenet(['pack', join(folder, 'set'), out, '--split', '0.2'])
  expect(stderr).toBe('')
  expect(code).toBe(0)
  expect(stdout).toMatch(/\d+ pictures, \d+ for validation/)
  expect(stdout).toContain('1 could not be read:\n  clock/broken.png is too short to be a picture')
  const again = await googlenet(['pack', join(folder, 'set'), out, '--split', '0.2', '--json'])
  const [report] = jsonLines(again)
  expect(report).toMatchObject({ reused: 2, classes: 3, skipped: [{ name: 'clock/broken.png' }] })
})

test('other settings for the same folder end with 2', async () => {
  const out = join(folder, 'settings')
  await googlenet(['pack', join(folder, 'set'), out])
  const { code, stderr } = await googlenet(['pack', join(folder, 'set'), out, '--quality', '50'])
  expect(code).toBe(2)
  expect(stderr).toMatch(/^error ERR_GOOGLENET_OPTION: .*other settings/)
})

test('Ctrl-C ends it, and the same command goes on', async () => {
  const out = join(folder, 'interrupted')
  const args = ['pack', join(folder, 'set'), out, '--shard-size', '1']
  const { child, ended } = start(args)
  const poll = setInterval(async () => {
    const names = await readdir(out).catch((): string[] => [])
    if (names.includes('train-000003.tar')) child.kill('SIGINT')
  }, 1)
  const { code, stderr } = await ended
  clearInterval(poll)
  if (code !== 0) {
    expect(code).toBe(130)
    expect(stderr).toContain('the same command goes on from here')
  }
  const [report] = jsonLines(await googlenet([...args, '--json']))
  expect(report).toMatchObject({ parts: { train: { samples: 30, shards: 31 } } })
  expect(report!.reused).toBeGreaterThan(2)
})

describe('inspect', () => {
  test('of folders and of their pack tells the same classes', async () => {
    const out = join(folder, 'whole')
    await googlenet(['pack', join(folder, 'set'), out])
    const [before] = jsonLines(await googlenet(['inspect', join(folder, 'set'), '--json']))
    const [after] = jsonLines(await googlenet(['inspect', out, '--json']))
    expect(before).toMatchObject({ parts: { train: 31 }, broken: [{ name: 'clock/broken.png' }] })
    expect(after).toMatchObject({ parts: { train: 30 }, broken: [] })
    const names = (report: Record<string, unknown>) =>
      (report.classes as { name: string }[]).map(({ name }) => name)
    expect(names(after!)).toEqual(names(before!))
  })

  test('prints tables, and writes a page', async () => {
    const sheet = join(folder, 'sheet.html')
    const { code, stdout } = await googlenet(['inspect', join(folder, 'set'), '--sheet', sheet])
    expect(code).toBe(0)
    expect(stdout).toContain('31 pictures, 3 classes')
    expect(stdout).toMatch(/shorter side +96 +96 +96/)
    expect(stdout).toContain('1 is broken:\n  clock/broken.png')
    expect(await readFile(sheet, 'utf8')).toContain('<!doctype html>')
  })

  test('of nothing is an error with its code', async () => {
    const { code, stderr } = await googlenet(['inspect', join(folder, 'nowhere')])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error ERR_GOOGLENET_DATA: /)
  })
})
