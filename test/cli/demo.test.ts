import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { googlenet, jsonLines, remove, temporaryFolder } from './command.js'

let folder = ''
beforeAll(async () => {
  folder = await temporaryFolder()
})
afterAll(() => remove(folder))

test('the demo replaces an earlier one, and reports the figures that it measured', async () => {
  const run = join(folder, 'runs/demo')
  await mkdir(run, { recursive: true })
  for (const name of ['checkpoint-99999999.safetensors', 'best.safetensors', 'notes.txt']) {
    await writeFile(join(run, name), 'of an earlier day')
  }
  const ended = await googlenet(['demo', '--epochs', '1', '--json'], { cwd: folder })
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  const result = jsonLines(ended).at(-1) as { type: string; top1: number; samples: number }
  expect(result).toMatchObject({ type: 'result', run: 'runs/demo', samples: 766 })
  expect((await readdir(run)).sort()).toEqual([
    'best.safetensors',
    'checkpoint-00000023.safetensors',
    'history.json',
    'notes.txt',
    'report.html',
  ])
  const report = await readFile(join(run, 'report.html'), 'utf8')
  expect(report).toContain(`${(result.top1 * 100).toFixed(1)} %`)
  expect(report).toContain('of 766 drawings by an artist it never saw')
})

test('another folder that holds a training is not touched', async () => {
  const out = join(folder, 'mine')
  await mkdir(out)
  await writeFile(join(out, 'best.safetensors'), 'weeks of work')
  const { code, stderr } = await googlenet(['demo', '--epochs', '1', '--out', out], { cwd: folder })
  expect(code).toBe(1)
  expect(stderr).toMatch(/^error ERR_GOOGLENET_CHECKPOINT: /m)
  expect(await readFile(join(out, 'best.safetensors'), 'utf8')).toBe('weeks of work')
})
