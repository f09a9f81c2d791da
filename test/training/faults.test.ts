import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { ImageFolder } from '../../lib/data/imageFolder.js'
import { GoogLeNetError } from '../../lib/errors.js'
import { GoogLeNet } from '../../lib/network.js'
import { listCheckpoints, readCheckpoint } from '../../lib/training/checkpoint.js'
import type { TrainEvent } from '../../lib/training/events.js'
import type { TrainOptions } from '../../lib/training/train.js'
import { placeClasses, temporaryFolder } from '../data/pictures.js'
import { collect, digest, ofType, smallNet } from './small.js'

const folder = await temporaryFolder()
await placeClasses(join(folder, 'data'), { a: 4, b: 4 })
const data = await ImageFolder.open(join(folder, 'data'))
const short: TrainOptions = { epochs: 3, batchSize: 4 }
let net: GoogLeNet
beforeEach(async () => {
  net = await smallNet(data.classes)
})
afterEach(() => net.dispose())

const isRoot = process.getuid?.() === 0

/** A file system of its own, if that may be made here. */
function mount(path: string, options: string): boolean {
  mkdirSync(path, { recursive: true })
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    return false
  }
  onTestFinished(() => void execFileSync('umount', ['--lazy', path]))
  return true
}

/** Lets this process write no file longer than that, as `ulimit -f` does; Infinity lets it again. */
function limitFileSize(bytes: number): boolean {
  const limit = Number.isFinite(bytes) ? bytes : 'unlimited'
  try {
    execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${limit}:`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

describe('a folder that cannot be written ends the training before its first step', () => {
  const readOnly = (path: string) => {
    mkdirSync(path)
    if (isRoot) return mount(path, 'ro')
    chmodSync(path, 0o555)
    return true
  }
  test.for<[string, (path: string) => string | Promise<string> | undefined]>([
    ['a file is in its place', (path) => writeFile(path, '').then(() => path)],
    ['a file is above it', (path) => writeFile(path, '').then(() => join(path, 'run'))],
    ['there is no such place', () => '/proc/googlenet/run'],
    ['it is read-only', (path) => (readOnly(path) ? path : undefined)],
  ])('%s', async ([name, make], { skip }) => {
    const checkpoint = await make(join(folder, name))
    if (checkpoint === undefined) return skip('no file system may be mounted here')
    const trainStep = vi.spyOn(net, 'trainStep')
    const events: TrainEvent[] = []
    const training = collect(net, data, { ...short, checkpoint }, (event) => events.push(event))
    await expect(training).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_IO',
      message: expect.stringContaining(checkpoint),
    })
    expect(events).toEqual([])
    expect(trainStep).not.toHaveBeenCalled()
  })
})

describe('a disk that fills up ends the training and leaves good files', () => {
  /** Trains until the disk is full: after the first epoch's files there is no place for the second's. */
  async function fillDisk(run: string, onCheckpoint: () => void) {
    const files: string[] = []
    const training = collect(net, data, { ...short, checkpoint: run }, (event) => {
      if (event.type !== 'checkpoint') return
      files.push(event.path)
      onCheckpoint()
    })
    await expect(training).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_IO',
      message: expect.stringMatching(/cannot write .*(ENOSPC|EFBIG|no space|too large)/i),
    })
    expect((await listCheckpoints(run)).map(({ path }) => path)).toEqual(files)
    expect(files.length).toBe(1)
    expect((await readCheckpoint(files[0]!)).state.epochs.length).toBe(1)
    expect((await readdir(run)).filter((name) => name.endsWith('.tmp'))).toEqual([])
    expect(JSON.parse(await readFile(join(run, 'history.json'), 'utf8')).epochs.length).toBe(1)
    using best = await GoogLeNet.open(run, { device: 'cpu' })
    expect(best.options.labels).toEqual(['a', 'b'])
    return files[0]!
  }

  test('a file system of 110 MB', async ({ skip }) => {
    const run = join(folder, 'full')
    if (!mount(run, 'size=110m')) return skip('no file system may be mounted here')
    await fillDisk(run, () => {})
    execFileSync('mount', ['-o', 'remount,size=1g', run])
    const events = await collect(net, data, { ...short, checkpoint: run, resume: true })
    expect(events[0]).toMatchObject({ resumed: { epoch: 1, step: 2 } })
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'done' })
  })

  test('a limit for the size of files', async ({ skip }) => {
    if (!limitFileSize(Number.POSITIVE_INFINITY)) return skip('prlimit is not there')
    onTestFinished(() => void limitFileSize(Number.POSITIVE_INFINITY))
    await fillDisk(join(folder, 'limited'), () => limitFileSize(40_000_000))
  })
})

test('data that can no longer be fetched end the training after it has saved; it goes on from there', async () => {
  let calls = 0
  const ready = () => {
    if (++calls < 4) return Promise.resolve()
    return Promise.reject(new GoogLeNetError('ERR_GOOGLENET_IO', 'the server answered 503, after 6 tries'))
  }
  const { classes, length } = data.train
  const sample = (index: number) => data.train.sample(index)
  const failing = { classes, train: { classes, length, sample, ready }, validation: data.validation }
  const run = join(folder, 'lost')
  const events: TrainEvent[] = []
  const options = { ...short, batchSize: 2, checkpoint: run }
  const training = collect(net, failing, options, (event) => events.push(event))
  await expect(training).rejects.toMatchObject({
    code: 'ERR_GOOGLENET_IO',
    message: expect.stringContaining('after 6 tries'),
  })
  expect(ofType(events, 'checkpoint').map(({ step }) => step)).toEqual([3])
  const resumed = await collect(net, data, { ...options, resume: true })
  expect(resumed[0]).toMatchObject({ resumed: { step: 3 } })
  using other = await smallNet(data.classes)
  await collect(other, data, { ...short, batchSize: 2, checkpoint: join(folder, 'not-lost') })
  expect(digest(await net.snapshot())).toEqual(digest(await other.snapshot()))
})

describe('the folder of another training', () => {
  test.each(['checkpoint-00000004.safetensors', 'best.safetensors'])('with %s is refused', async (name) => {
    const run = join(folder, `other-${name}`)
    await mkdir(run)
    await writeFile(join(run, name), 'precious')
    await expect(collect(net, data, { ...short, checkpoint: run })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_CHECKPOINT',
      message: expect.stringMatching(
        /holds a training already: go on with it \(resume\), name another folder/,
      ),
    })
    expect(await readdir(run)).toEqual([name])
    expect(await readFile(join(run, name), 'utf8')).toBe('precious')
  })

  test('is refused also to one that goes on from elsewhere', async () => {
    const [from, run] = [join(folder, 'from'), join(folder, 'occupied')]
    await collect(net, data, { ...short, epochs: 1, checkpoint: from })
    await mkdir(run)
    await writeFile(join(run, 'best.safetensors'), 'precious')
    await expect(collect(net, data, { ...short, checkpoint: run, resume: from })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_CHECKPOINT',
    })
  })

  test('is cleared of what a killed process left half-written, and of nothing else', async () => {
    const run = join(folder, 'killed')
    await mkdir(run)
    const left = ['checkpoint-00000004.safetensors.123-0a1b2c3d.tmp', 'history.json.5-00000000.tmp']
    for (const name of [...left, 'notes.tmp', 'report.html']) await writeFile(join(run, name), '')
    await collect(net, data, { ...short, epochs: 1, checkpoint: run })
    expect((await readdir(run)).sort()).toEqual([
      'best.safetensors',
      'checkpoint-00000002.safetensors',
      'history.json',
      'notes.tmp',
      'report.html',
    ])
  })
})

describe('a training that diverges', () => {
  test('ends, says what to do, and leaves the checkpoints as they were', async () => {
    const run = join(folder, 'diverged')
    await collect(net, data, { ...short, epochs: 1, checkpoint: run })
    const names = await readdir(run)
    const [checkpoint] = await listCheckpoints(run)
    const { snapshot } = await readCheckpoint(checkpoint!.path)
    const training = collect(net, data, {
      ...short,
      schedule: { kind: 'constant', learningRate: 1e30 },
      checkpoint: run,
      resume: true,
    })
    await expect(training).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DIVERGED',
      message: expect.stringMatching(
        /became (NaN|Infinity) in epoch 2.* rate of 1e\+30: lower it.*are as they were/,
      ),
    })
    expect(await readdir(run)).toEqual(names)
    const after = await readCheckpoint(checkpoint!.path)
    expect(digest(after.snapshot)).toEqual(digest(snapshot))
  })

  test('in its last step leaves no checkpoint of broken weights', async () => {
    const run = join(folder, 'last-step')
    using other = await smallNet(data.classes)
    const trainStep = other.trainStep.bind(other)
    vi.spyOn(other, 'trainStep').mockImplementation(async (images, labels, options) => {
      const metrics = await trainStep(images, labels, options)
      await other.loadStateDict(
        new Map([['fc.bias', { shape: [2], data: Float32Array.of(Number.NaN, 0) }]]),
        { strict: false },
      )
      return metrics
    })
    await expect(
      collect(other, data, { ...short, epochs: 1, batchSize: 8, checkpoint: run }),
    ).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DIVERGED',
      message: expect.stringMatching(/fc\.bias holds values that are not finite/),
    })
    expect(await readdir(run)).toEqual(['history.json'])
  })
})

describe('an abort', () => {
  test('that came before saves the beginning and ends', async () => {
    const run = join(folder, 'aborted')
    const events = await collect(net, data, { ...short, checkpoint: run, signal: AbortSignal.abort() })
    expect(events.map(({ type }) => type)).toEqual(['start', 'checkpoint', 'end'])
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'aborted', epochs: [] })
    expect(await readdir(run)).toEqual(['checkpoint-00000000.safetensors', 'history.json'])
  })

  test('without a folder just ends, after the step under way', async () => {
    const controller = new AbortController()
    const trainStep = vi.spyOn(net, 'trainStep')
    const signalled = { ...short, reportEvery: 1, signal: controller.signal }
    const events = await collect(net, data, signalled, ({ type }) => {
      if (type === 'step') controller.abort()
    })
    expect(events.map(({ type }) => type)).toEqual(['start', 'step', 'end'])
    expect(ofType(events, 'end')[0]).toMatchObject({ reason: 'aborted' })
    expect(trainStep).toHaveBeenCalledTimes(1)
  })

  test('that is no signal is refused', async () => {
    const signal = new EventTarget() as AbortSignal
    await expect(collect(net, data, { ...short, signal })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_OPTION',
    })
  })
})

test('a network that is disposed of ends its training', async () => {
  const gone = await smallNet(data.classes)
  const training = collect(gone, data, { ...short, reportEvery: 1 }, ({ type }) => {
    if (type === 'step') gone.dispose()
  })
  await expect(training).rejects.toMatchObject({ code: 'ERR_GOOGLENET_DISPOSED' })
})
