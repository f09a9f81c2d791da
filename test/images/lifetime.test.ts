import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { fixture } from './helpers.js'

const childFile = fileURLToPath(new URL('child.mjs', import.meta.url))

interface End {
  code: number | null
  signal: NodeJS.Signals | null
  output: string
  errors: string
}

/** Runs a scenario of child.mjs in a process of its own; one that hangs is killed, which shows as its signal. */
function run(scenario: string, delay = 0): Promise<End> {
  return new Promise((resolve, reject) => {
    const args = ['--expose-gc', childFile, scenario, fixture('scaled-by-8.jpg'), String(delay)]
    const child = spawn(process.execPath, args, { timeout: 60_000, killSignal: 'SIGKILL' })
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
  it.each([
    ['exits during work', 3],
    ['exits right after dispose', 3],
    ['exits while its workers work', 3],
    ['terminates its workers', 0],
  ])('that %s ends with its own code, whenever it does', async (scenario, code) => {
    for (const delay of [0, 1, 5, 20]) {
      expect(await run(scenario, delay)).toEqual({ code, signal: null, output: '', errors: '' })
    }
  })

  it('that has nothing more to do ends though its loader lives', async () => {
    expect(await run('has nothing more to do')).toEqual({ code: 0, signal: null, output: '', errors: '' })
  })

  it('waits for what it asked for', async () => {
    expect(await run('waits for what it asked for')).toMatchObject({ code: 0, output: '100' })
  })
})

describe('the garbage collector', () => {
  it('frees forgotten loaders with their threads', async () => {
    expect(await run('forgets its loaders')).toMatchObject({ code: 0, output: 'collected' })
  })

  it('keeps a forgotten loader until its calls have ended', async () => {
    const end = await run('forgets a loader with calls under way')
    expect(end).toMatchObject({ code: 0, output: 'fulfilled fulfilled' })
  })

  it('knows how large batches are, and frees them', async () => {
    const { external, rss } = JSON.parse((await run('forgets its batches')).output)
    const batch = 100 * 512 * 512 * 3
    expect(external).toBeGreaterThanOrEqual(batch)
    expect(rss).toBeLessThan(8 * batch)
  })

  it('leaves a batch that outlives its loader as it is', async () => {
    expect(await run('keeps a batch longer than its loader')).toMatchObject({ code: 0, output: 'true' })
  })
})
