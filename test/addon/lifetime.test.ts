import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { drawPicture } from '../data/pictures.js'
import { step, tinyBatch, tinyDefinition, tinyLabels, tinyNetwork, tinyOptions } from './tiny.js'

const childFile = fileURLToPath(new URL('child.mjs', import.meta.url))

interface End {
  code: number | null
  signal: NodeJS.Signals | null
  output: string
  errors: string
}

/** Runs a scenario of child.mjs in a process of its own; one that hangs is killed, which shows as its signal. */
function run(
  scenario: string,
  { delay = 0, flags = [] as string[], classes = 5, memoryKiB = 0 } = {},
): Promise<End> {
  const { data, ...batch } = tinyBatch(8)
  const given = {
    definition: tinyDefinition(classes),
    options: tinyOptions,
    batch: { ...batch, data: [...data] },
    labels: [...tinyLabels(8)],
    picture: [...drawPicture(1, 1, 16)],
    step,
  }
  return new Promise((resolve, reject) => {
    const node = [process.execPath, ...flags, childFile, scenario, JSON.stringify(given), String(delay)]
    const limit = memoryKiB > 0 ? `ulimit -v ${memoryKiB};` : ''
    const child = spawn('sh', ['-c', `${limit} exec "$0" "$@"`, ...node], {
      timeout: 60_000,
      killSignal: 'SIGKILL',
    })
    let output = ''
    let errors = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.stderr.on('data', (chunk) => {
      errors += chunk
    })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, output: output.trim(), errors }))
  })
}

describe('a process', () => {
  const delays = [0, 0, 1, 2, 4, 8, 16, 32]
  it.each([
    ['exits while creating', 3],
    ['exits in the first step', 3],
    ['exits in a later step', 3],
    ['exits right after dispose', 3],
    ['exits while its workers work', 3],
    ['terminates its workers', 0],
    ['terminates workers whose networks hold batches', 0],
  ])('that %s ends with its own code, whenever it does', async (scenario, code) => {
    for (const delay of delays) {
      expect(await run(scenario, { delay })).toEqual({ code, signal: null, output: '', errors: '' })
    }
  })

  it('that has nothing more to do ends though its network lives', async () => {
    expect(await run('ends by itself')).toEqual({ code: 0, signal: null, output: '', errors: '' })
  })

  it('that throws during a step shows the error', async () => {
    for (const delay of delays) {
      const end = await run('throws during a step', { delay })
      expect(end).toMatchObject({ code: 1, signal: null })
      expect(end.errors).toContain('thrown on purpose')
    }
  })

  it('that calls in its exit handler ends with its own code', async () => {
    expect(await run('calls in its exit handler')).toEqual({ code: 3, signal: null, output: '', errors: '' })
  })

  it('that cannot have the memory for a network is told so, and goes on', async () => {
    const end = await run('cannot have its memory', { memoryKiB: 8_000_000 })
    expect(end).toEqual({ code: 0, signal: null, output: 'ERR_GOOGLENET_MEMORY', errors: '' })
  })

  it('trains in several worker threads at once as in one', async () => {
    expect(await run('trains in workers')).toEqual({ code: 0, signal: null, output: 'true', errors: '' })
  })
})

describe('the garbage collector', () => {
  const flags = ['--expose-gc']

  it('frees forgotten networks with their threads', async () => {
    const end = await run('forgets its networks', { flags, classes: 10_000 })
    expect(end).toEqual({ code: 0, signal: null, output: 'collected', errors: '' })
  })

  it('keeps a forgotten network until its calls have ended', async () => {
    const end = await run('forgets a network with calls under way', { flags })
    expect(end).toMatchObject({ code: 0, output: 'fulfilled fulfilled fulfilled fulfilled' })
  })

  it('knows of the native memory: it runs because of networks that lie about, not of those disposed of', async () => {
    const forgotten = JSON.parse((await run('forgets many networks', { classes: 10_000 })).output)
    const disposed = JSON.parse((await run('disposes of many networks', { classes: 10_000 })).output)
    expect(forgotten.mostThreads).toBeLessThan(60)
    expect(forgotten.collections).toBeGreaterThan(disposed.collections)
  })
})

describe('memory()', () => {
  it('grows with what a network needs', async () => {
    const network = await tinyNetwork(10_000)
    const created = network.memory()
    expect(created.parameters).toBeGreaterThan(10_000 * 512 * 4)
    await network.trainStep(tinyBatch(), tinyLabels(), { ...step, averageDecay: 0.9 })
    const trained = network.memory()
    for (const use of ['gradients', 'momentum', 'average', 'arena'] as const) {
      expect(created[use]).toBe(0)
      expect(trained[use]).toBeGreaterThan(0)
    }
    expect(trained.arenaUnshared).toBeGreaterThanOrEqual(trained.arena)
    const { total, arenaUnshared, ...parts } = trained
    expect(total).toBe(Object.values(parts).reduce((sum, part) => sum + part))
    network.dispose()
  })
})
