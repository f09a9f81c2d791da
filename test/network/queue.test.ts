import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { CallQueue } from '../../lib/queue.js'

const aborted = expect.objectContaining({ code: 'ERR_GOOGLENET_ABORTED' })

describe('a queue of calls', () => {
  it('runs them one after another, in the order in which they came', async () => {
    const queue = new CallQueue()
    const log: string[] = []
    const call = (name: string, ms: number) => async () => {
      log.push(`${name} begins`)
      await pause(ms)
      log.push(`${name} ends`)
      return name
    }
    const results = await Promise.all([
      queue.run(call('a', 20)),
      queue.run(call('b', 1)),
      queue.run(() => 'c'),
    ])
    expect(results).toEqual(['a', 'b', 'c'])
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends'])
  })

  it('has as many under way as calls in a row allow, and none beside one that allows no other', async () => {
    const queue = new CallQueue()
    const underWay = new Map<string, () => void>()
    const call = (name: string, atOnce?: number) =>
      queue.run(() => new Promise<void>((end) => underWay.set(name, end)), undefined, atOnce)
    const calls = [call('a', 2), call('b', 2), call('c', 2), call('alone'), call('d', 2), call('e', 2)]
    /** Ends a call; the names of those under way afterwards. */
    const end = async (name: string) => {
      underWay.get(name)!()
      underWay.delete(name)
      await pause(0)
      return [...underWay.keys()].join(' ')
    }
    await pause(0)
    expect([...underWay.keys()].join(' ')).toBe('a b')
    expect(await end('a')).toBe('b c')
    expect(await end('c')).toBe('b')
    expect(await end('b')).toBe('alone')
    expect(await end('alone')).toBe('d e')
    await end('d')
    await end('e')
    await Promise.all(calls)
  })

  it('goes on after calls at once that fail or are taken back', async () => {
    const queue = new CallQueue()
    const controller = new AbortController()
    const failing = queue.run(() => Promise.reject(new Error('rejected')), undefined, 2)
    const good = queue.run(() => pause(5, 'good'), undefined, 2)
    const taken = queue.run(() => 'never', controller.signal, 2)
    const last = queue.run(() => 'last', undefined, 2)
    controller.abort()
    await expect(taken).rejects.toEqual(aborted)
    await expect(failing).rejects.toThrow('rejected')
    await expect(Promise.all([good, last])).resolves.toEqual(['good', 'last'])
  })

  it('goes on after a call that fails', async () => {
    const queue = new CallQueue()
    const failing = queue.run(() => Promise.reject(new Error('rejected')))
    const throwing = queue.run(() => {
      throw new Error('thrown')
    })
    const last = queue.run(() => 'good')
    await expect(failing).rejects.toThrow('rejected')
    await expect(throwing).rejects.toThrow('thrown')
    await expect(last).resolves.toBe('good')
  })

  it('refuses a call whose signal has fired, without running it', async () => {
    const queue = new CallQueue()
    let ran = false
    const reason = new Error('enough')
    const call = async () => queue.run(() => (ran = true), AbortSignal.abort(reason))
    await expect(call()).rejects.toEqual(aborted)
    await expect(call()).rejects.toMatchObject({ cause: reason })
    await queue.run(() => undefined)
    expect(ran).toBe(false)
  })

  it('takes back a waiting call at once when its signal fires', async () => {
    const queue = new CallQueue()
    const controller = new AbortController()
    let release = () => {}
    const running = queue.run(() => new Promise<void>((resolve) => (release = resolve)))
    let ran = false
    const waiting = queue.run(() => (ran = true), controller.signal)
    controller.abort()
    await expect(waiting).rejects.toEqual(aborted) // while the first is still running
    release()
    await running
    await queue.run(() => undefined)
    expect(ran).toBe(false)
  })

  it('lets a call that has begun come to its end', async () => {
    const queue = new CallQueue()
    const controller = new AbortController()
    const running = queue.run(async () => {
      controller.abort()
      await pause(1)
      return 'done'
    }, controller.signal)
    await expect(running).resolves.toBe('done')
  })

  it('refuses what is no signal', async () => {
    const call = async () => new CallQueue().run(() => 1, 'stop' as never)
    await expect(call()).rejects.toMatchObject({ code: 'ERR_GOOGLENET_OPTION' })
  })
})
