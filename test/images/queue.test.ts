import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { binding } from '../../lib/native.js'
import { equal, evaluation, fixture, openLoader, picturesOf, repeated, training } from './helpers.js'

const slow = fixture('scaled-by-8.jpg')
const quick = fixture('tiny.jpg')
const disposed = expect.objectContaining({ code: 'ERR_GOOGLENET_DISPOSED' })

describe('several batches', () => {
  it('end in the order in which they were asked for, each with its own pictures', async () => {
    const loader = openLoader(3)
    const ended: number[] = []
    const transforms = [evaluation(224), evaluation(16), training(31), evaluation(8)]
    const batches = transforms.map(async (transform, i) => {
      const decoded = await loader.decode(repeated(i === 0 ? slow : quick, 12), transform)
      ended.push(i)
      return decoded
    })
    const together = await Promise.all(batches)
    expect(ended).toEqual([0, 1, 2, 3])
    for (const [i, { data }] of together.entries()) {
      const alone = await openLoader(1).decode(repeated(i === 0 ? slow : quick, 12), transforms[i]!)
      expect(equal(data, alone.data)).toBe(true)
    }
  })

  it('may be empty', async () => {
    const loader = openLoader()
    const [empty, one] = await Promise.all([
      loader.decode([], evaluation(16)),
      loader.decode(repeated(quick, 1), evaluation(16)),
    ])
    expect(empty).toEqual({ data: new Uint8Array(), positions: new Int32Array(), failures: [], onGpu: 0 })
    expect(one!.positions).toHaveLength(1)
  })

  it('do not keep the event loop waiting', async () => {
    const loader = openLoader(2)
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    await Promise.all([1, 2, 3].map(() => loader.decode(repeated(slow, 10), evaluation(224))))
    clearInterval(timer)
    expect(turns).toBeGreaterThan(3)
  })

  it('have memory of their own, also when memory is used again', async () => {
    const loader = openLoader(2)
    const kept = []
    for (let i = 0; i < 30; i++) {
      const decoded = await loader.decode([{ source: slow, index: i }], training(200))
      kept.push({ decoded, sum: picturesOf(decoded)[0]!.reduce((sum, value) => sum + value, 0) })
    }
    for (const { decoded, sum } of kept) expect(decoded.data.reduce((all, value) => all + value, 0)).toBe(sum)
    expect(new Set(kept.map(({ sum }) => sum)).size).toBeGreaterThan(20)
  })
})

describe('dispose()', () => {
  it('refuses what was not begun and what comes later', async () => {
    const loader = openLoader(1)
    const waiting = [1, 2, 3].map(() => loader.decode(repeated(slow, 20), evaluation(224)))
    loader.dispose()
    for (const batch of waiting) await expect(batch).rejects.toEqual(disposed)
    await expect(loader.decode([], evaluation(16))).rejects.toEqual(disposed)
    loader.dispose()
  })

  it('ends the threads', async () => {
    const threads = () => readdirSync('/proc/self/task').length
    const before = threads()
    const loaders = Array.from({ length: 5 }, () => openLoader(4))
    expect(threads()).toBeGreaterThanOrEqual(before + 20)
    for (const loader of loaders) loader.dispose()
    await expect.poll(threads).toBeLessThanOrEqual(before)
  })
})

describe('wrong arguments are refused', () => {
  it.each([
    [{ threads: -1, channels: 3 }, 'options.threads'],
    [{ threads: 1.5, channels: 3 }, 'options.threads'],
    [{ threads: 1 }, 'options.channels'],
    [{ threads: 1, channels: 2 }, 'options.channels'],
    [undefined, 'options'],
  ])('by the constructor: %j', (options, name) => {
    expect(() => new binding.Loader(options as never)).toThrowError(
      expect.objectContaining({ code: 'ERR_GOOGLENET_OPTION', message: expect.stringContaining(name) }),
    )
  })

  it.each([
    [undefined, evaluation(16), 'pictures'],
    [[undefined], evaluation(16), 'pictures[0]'],
    [
      [
        { source: quick, index: 0 },
        { source: 3, index: 0 },
      ],
      evaluation(16),
      'pictures[1].source',
    ],
    [[{ source: new Uint16Array(4), index: 0 }], evaluation(16), 'pictures[0].source'],
    [[{ source: { path: quick, offset: -1, length: 1 }, index: 0 }], evaluation(16), 'source.offset'],
    [[{ source: { path: quick, offset: 0 }, index: 0 }], evaluation(16), 'source.length'],
    [[{ source: quick, index: -1 }], evaluation(16), 'pictures[0].index'],
    [[], undefined, 'transform'],
    [[], { ...evaluation(16), kind: 'test' }, 'transform.kind'],
    [[], evaluation(0), 'transform.size'],
    [[], evaluation(224, 223), 'transform.resize'],
    [[], evaluation(2 ** 20), 'transform.size'],
    [[], training(16, { area: [0, 1] }), 'transform.area[0]'],
    [[], training(16, { area: [0.5, 0.4] }), 'transform.area[1]'],
    [[], training(16, { area: [0.5, 1.1] }), 'transform.area[1]'],
    [[], training(16, { aspect: [1] as never }), 'transform.aspect'],
    [[], training(16, { flip: 2 }), 'transform.flip'],
    [[], training(16, { flip: Number.NaN }), 'transform.flip'],
    [[], training(16, { seed: 0.5 }), 'transform.seed'],
    [[], training(16, { jitter: { brightness: -1, contrast: 0, saturation: 0 } }), 'jitter.brightness'],
    [repeated(quick, 1000), evaluation(16384), 'a batch has at most'],
  ])('by decode(): %j %j', async (pictures, transform, name) => {
    await expect(openLoader(1).decode(pictures as never, transform as never)).rejects.toEqual(
      expect.objectContaining({ code: 'ERR_GOOGLENET_OPTION', message: expect.stringContaining(name) }),
    )
  })
})
