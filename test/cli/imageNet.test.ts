import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { devkit, labels, makeIlsvrc, trainArchive, validationArchive } from '../data/ilsvrc.js'
import { googlenet, jsonLines, remove, temporaryFolder } from './command.js'

const quick = ['--image-size', '64', '--no-aux', '--epochs', '1', '--batch-size', '8', '--device', 'cpu']
let folder = ''
beforeAll(async () => {
  folder = await temporaryFolder()
  await makeIlsvrc(folder)
})
afterAll(() => remove(folder))
const run = (args: string[]) =>
  googlenet(args, { cwd: folder, env: { XDG_CACHE_HOME: join(folder, 'cache') } })

test('a network is trained and evaluated on the archives as they are', async () => {
  const trained = await run(['train', 'archives', '--out', 'run', '--json', ...quick])
  expect(trained).toMatchObject({ code: 0, stderr: '' })
  const events = jsonLines(trained)
  expect(events.filter(({ type }) => type === 'indexed')).toMatchObject([
    { path: join('archives', trainArchive), samples: 24, built: true },
    { path: join('archives', validationArchive), samples: 9, built: true },
  ])
  expect(events.find(({ type }) => type === 'start')).toMatchObject({ samples: 24, validationSamples: 9 })

  const [report, ...others] = await Promise.all(
    [
      ['archives'],
      [join('archives', validationArchive)],
      ['flat/val', '--devkit', 'kaggle/LOC_val_solution.csv'],
      ['folders', '--devkit', join('archives', devkit)],
    ].map(async (data) => {
      const [found] = jsonLines(await run(['evaluate', 'run', ...data, '--json', '--device', 'cpu']))
      const { classes, samples, top1, skipped } = found!
      return { classes, samples, top1, skipped }
    }),
  )
  expect(report).toMatchObject({ classes: labels, samples: 9, skipped: [] })
  for (const other of others) expect(other).toEqual(report)
  const unnamed = await run(['evaluate', 'run', 'folders', '--device', 'cpu'])
  expect(unnamed).toMatchObject({ code: 1, stderr: expect.stringMatching(/ERR_GOOGLENET_DATA: .*--devkit/) })
})

test('parts may be named one by one, and what is lost of an archive is told', async () => {
  const archive = join('archives', trainArchive)
  await truncate(join(folder, archive), 40_000)
  const parts = ['--data', archive, '--validation', 'flat/val', '--devkit', join('archives', devkit)]
  const { code, stderr } = await run(['train', ...parts, '--out', 'cut', ...quick])
  expect(code).toBe(0)
  expect(stderr).toMatch(/skipped ILSVRC2012_img_train.tar: ends early/)
  const strict = await run(['train', ...parts, '--out', 'strict', '--on-error', 'throw', ...quick])
  expect(strict).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/ERR_GOOGLENET_DATA: .*is cut off.* more\)/),
  })
})

test('the data is named once', async () => {
  for (const args of [['train'], ['train', 'flat', '--data', 'flat']]) {
    expect(await run(args)).toMatchObject({ code: 2, stderr: expect.stringMatching(/ERR_GOOGLENET_OPTION/) })
  }
})
