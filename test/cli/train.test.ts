import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { copyPictures, googlenet, jsonLines, remove, start, temporaryFolder } from './command.js'

let folder = ''
beforeAll(async () => {
  folder = await temporaryFolder()
  await copyPictures(join(folder, 'pictures'), ['clock', 'flag', 'plant'], 12)
  await writeFile(join(folder, 'pictures/plant/broken.jpg'), 'no picture')
})
afterAll(() => remove(folder))

// 28 pictures are trained on: in batches of 7 none is left over.
const quick = ['--image-size', '64', '--batch-size', '7', '--validation', '0.25', '--report-every', '1']
const run = (args: string[]) => googlenet(args, { cwd: folder })

describe('a run', () => {
  test('prints a line an epoch and leaves weights, checkpoints and a report', async () => {
    const { code, stdout, stderr } = await run([
      'train',
      'pictures',
      '--out',
      'run',
      '--epochs',
      '2',
      ...quick,
    ])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ +epoch +lr +loss +top-1 +val loss +val top-1 +img\/s +time$/m)
    expect(stdout.match(/^ +[12]\/2 .*%/gm)).toHaveLength(2)
    expect(stdout).toContain('googlenet classify run')
    expect(stderr).toMatch(/^skipped plant\/broken\.jpg: /m)
    expect(await readdir(join(folder, 'run'))).toEqual(
      expect.arrayContaining(['best.safetensors', 'history.json', 'report.html']),
    )
    const report = await readFile(join(folder, 'run/report.html'), 'utf8')
    expect(report).toContain('2 of 2')
    expect(report).toContain('plant/broken.jpg')
    expect(report).toContain('finished')
  })

  test('is not written over', async () => {
    const { code, stderr } = await run(['train', 'pictures', '--out', 'run', '--epochs', '1', ...quick])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error ERR_GOOGLENET_CHECKPOINT: run holds a training already/m)
  })

  test('classifies, as a table and as JSON; an unreadable picture is named and the others are done', async () => {
    const pictures = ['pictures/clock', 'pictures/flag'].map((name) => join(folder, name))
    const paths = await Promise.all(pictures.map(async (name) => join(name, (await readdir(name))[0]!)))
    const text = await run(['classify', 'run', ...paths, '--top', '2'])
    expect(text.code).toBe(0)
    expect(text.stdout.match(/^ +[\d.]+ % {2}(clock|flag|plant)/gm)).toHaveLength(4)

    const json = await run(['classify', 'run', 'absent.jpg', ...paths, '--json'])
    expect(json.code).toBe(1)
    expect(json.stderr).toMatch(/^error ERR_GOOGLENET_PICTURE: .*absent\.jpg/)
    const [result] = jsonLines(json) as unknown as {
      pictures: { path: string; predictions: { probability: number }[] }[]
    }[]
    expect(result!.pictures.map((one) => one.path)).toEqual(paths)
    for (const { predictions } of result!.pictures) {
      expect(predictions).toHaveLength(3)
      expect(predictions.reduce((sum, one) => sum + one.probability, 0)).toBeCloseTo(1, 4)
    }
  })

  test('is evaluated, on classes found by name, with a report', async () => {
    const two = join(folder, 'two')
    await copyPictures(two, ['clock', 'plant'], 5)
    const json = await run(['evaluate', 'run', two, '--report', 'evaluation.html', '--json'])
    expect(json.code).toBe(0)
    const [result] = jsonLines(json)
    expect(result).toMatchObject({ samples: 10, classes: ['clock', 'flag', 'plant'] })
    expect(await readFile(join(folder, 'evaluation.html'), 'utf8')).toContain('of 10 pictures')
    const text = await run(['evaluate', 'run', two])
    expect(text.stdout).toMatch(/^top-1 [\d.]+ %, top-5 100\.0 %, loss/m)
  })

  test('answers with others and by many crops', async () => {
    const two = join(folder, 'two')
    const judging = ['--crops', '10', '--quality', 'fast', '--orientation', 'apply', '--json']
    const evaluated = await run(['evaluate', 'run', 'run', two, ...judging])
    expect(evaluated.stderr).toBe('')
    const [report] = jsonLines(evaluated)
    expect(report).toMatchObject({ samples: 10, crops: 10, models: ['run', 'run'] })
    const [alone] = jsonLines(await run(['evaluate', 'run', two, ...judging]))
    expect(report!.confusion).toEqual(alone!.confusion)
    const [name] = await readdir(join(two, 'clock'))
    const classified = await run(['classify', 'run', join(two, 'clock', name!), '--with', 'run', ...judging])
    const [{ pictures }] = jsonLines(classified) as unknown as [{ pictures: { predictions: object[] }[] }]
    expect(pictures[0]!.predictions).toHaveLength(3)
    const wrong = await run(['evaluate', 'run', two, '--crops', '12'])
    expect(wrong.code).not.toBe(0)
    expect(wrong.stderr).toContain('crops must be 1, 10 or 144, found 12')
  })

  test('is described by summary', async () => {
    const [summary] = jsonLines(await run(['summary', 'run', '--json']))
    expect(summary).toMatchObject({ classes: 3, input: [3, 64, 64] })
  })

  test('is a beginning for other classes: the last layers are left out, and named', async () => {
    await copyPictures(join(folder, 'others'), ['food', 'vehicle'], 6)
    const args = ['train', 'others', '--out', 'tuned', '--from', 'run', '--epochs', '1', ...quick]
    const { code, stderr } = await run(args)
    expect(code).toBe(0)
    expect(stderr).toContain('not taken over: fc, aux_fc1.fc.3, aux_fc2.fc.3')
  })

  test('refuses pictures of classes that it does not know', async () => {
    const { code, stderr } = await run(['evaluate', 'run', 'others'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error ERR_GOOGLENET_DATA: the network does not know the classes food, vehicle/)
  })
})

test('--json prints events and the result as JSON lines, and nothing else', async () => {
  const ended = await run(['train', 'pictures', '--out', 'json', '--epochs', '1', '--json', ...quick])
  expect(ended.code).toBe(0)
  const types = jsonLines(ended).map((event) => event.type)
  expect(types[0]).toBe('start')
  expect(types.slice(-2)).toEqual(['end', 'result'])
  expect(new Set(types)).toEqual(
    new Set(['start', 'step', 'skipped', 'validating', 'epoch', 'checkpoint', 'end', 'result']),
  )
  expect(ended.stderr).toBe('')
})

test('distortions, and other sizes of images first', async () => {
  const args = ['--jitter', '0.4,0.4,0.4,0.1', '--lighting', '0.1', '--interpolation', 'random']
  const sizes = ['--progressive', '1:80', '--epochs', '2', '--out', 'progressive']
  const { code, stderr } = await run(['train', 'pictures', ...quick, ...args, ...sizes, '--json'])
  expect(stderr).toBe('')
  expect(code).toBe(0)
  const report = await readFile(join(folder, 'progressive/report.html'), 'utf8')
  for (const fact of ['80 until epoch 1', 'deviation 0.1', 'random']) expect(report).toContain(fact)
  for (const [wrong, says] of [
    ['80', '--progressive'],
    ['1:8', 'imageSize[0].imageSize'],
  ] as const) {
    const refused = await run(['train', 'pictures', ...quick, '--progressive', wrong, '--out', 'none'])
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toContain(says)
  }
})

test('--on-error throw ends at the first picture that cannot be read', async () => {
  const { code, stderr } = await run([
    'train',
    'pictures',
    '--out',
    'strict',
    '--on-error',
    'throw',
    ...quick,
  ])
  expect(code).toBe(1)
  expect(stderr).toMatch(/^error ERR_GOOGLENET_PICTURE: .*broken\.jpg/m)
})

test('a training that diverges ends with its code, and the report does not say that it goes on', async () => {
  const args = ['train', 'pictures', '--out', 'diverged', '--lr', '1e30', ...quick]
  const { code, stderr } = await run(args)
  expect(code).toBe(1)
  expect(stderr).toMatch(/^error ERR_GOOGLENET_DIVERGED: /m)
  expect(await readFile(join(folder, 'diverged/report.html'), 'utf8')).toContain('stopped early')
})

test('a run folder that cannot be written is refused before anything is trained', async () => {
  await writeFile(join(folder, 'file'), '')
  const { code, stderr } = await run(['train', 'pictures', '--out', 'file/run', ...quick])
  expect(code).toBe(1)
  expect(stderr).toMatch(/^error ERR_GOOGLENET_IO: /m)
})

describe('a signal', () => {
  const long = ['--epochs', '500', ...quick]

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s saves a checkpoint, ends with %d, and the run goes on from there', async (signal, code) => {
    const out = `stopped-${signal}`
    const running = start(['train', 'pictures', '--out', out, '--json', ...long], { cwd: folder })
    await running.shows('"type":"step"')
    running.child.kill(signal)
    const ended = await running.ended
    expect(ended.code).toBe(code)
    const events = jsonLines(ended)
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'aborted' })
    const saved = events.findLast((event) => event.type === 'checkpoint') as unknown as {
      path: string
      step: number
    }
    expect((await stat(join(folder, saved.path))).size).toBeGreaterThan(0)

    const resumed = start(['train', 'pictures', '--out', out, '--resume', '--json', ...long], { cwd: folder })
    await resumed.shows('"type":"step"')
    resumed.child.kill(signal)
    const [first] = jsonLines(await resumed.ended)
    expect(first).toMatchObject({ type: 'start', resumed: { path: saved.path, step: saved.step } })
  })

  test('a second one ends at once, without an end', async () => {
    const running = start(['train', 'pictures', '--out', 'twice', '--json', ...long], { cwd: folder })
    await running.shows('"type":"step"')
    running.child.kill('SIGINT')
    await running.shows('Once more ends it at once')
    running.child.kill('SIGINT')
    const { code, stdout } = await running.ended
    expect(code).toBe(130)
    expect(stdout).not.toContain('"type":"end"')
  })
})
