/** Files with the names of torchvision and of Caffe; what these names mean numerically is parity.test.ts's. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GoogLeNet, type StateDict, type Variant } from '../../lib/index.js'
import { readSafetensors, writeSafetensors } from '../../lib/weights/safetensors.js'
import { fromSourceNames, toSourceNames } from '../../lib/weights/sourceNames.js'
import { create, differing } from '../network/helpers.js'

let folder = ''
let path = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'googlenet-names-'))
  path = join(folder, 'weights.safetensors')
})
afterAll(() => rmSync(folder, { recursive: true }))

const marks = {
  torchvision: {
    own: ['stem_conv.7.weight', 'inception_branch_b4.branch2.4.running_mean', 'aux_fc2.fc.3.bias'],
    theirs: ['conv3.conv.weight', 'inception4b.branch2.1.bn.running_mean', 'aux2.fc2.bias'],
  },
  paper: {
    own: ['stem_conv.6.weight', 'inception_branch_b4.branch4.1.bias', 'aux_fc2.fc.3.bias'],
    theirs: ['conv2/3x3_w_0', 'inception_4b/pool_proj_b_0', 'loss2/classifier_b_0'],
  },
} as const

const withoutHeads = (dict: StateDict): StateDict =>
  new Map([...dict].filter(([name]) => !name.startsWith('aux_fc')))
const sorted = (names: Iterable<string>) => [...names].sort()

describe.each(['torchvision', 'paper'] as const)('names of %s', (variant) => {
  const fresh = (options: { aux?: boolean; seed?: number; variant?: Variant } = {}) =>
    create({ variant, ...options })

  it('stand for every tensor of ours, one each', async () => {
    using net = await fresh()
    const dict = await net.stateDict()
    const named = toSourceNames(dict, variant)
    const { own, theirs } = marks[variant]
    for (const [i, name] of own.entries()) expect(named.get(theirs[i]!)).toBe(dict.get(name))
    expect([...named.keys()].filter((name) => dict.has(name) && !name.startsWith('fc.'))).toEqual([])
    expect(named.size).toBe(dict.size)
    expect(fromSourceNames(named, variant)).toEqual(dict)
  })

  it('are written when asked for, load and open', async () => {
    using net = await fresh({ seed: 1 })
    await net.save(path, { names: 'source' })
    const { tensors } = await readSafetensors(path)
    for (const name of marks[variant].theirs) expect(tensors.has(name), name).toBe(true)
    using other = await fresh({ seed: 2 })
    expect(await other.load(path)).toEqual({ missing: [], unexpected: [] })
    expect(differing(await other.stateDict(), await net.stateDict())).toEqual([])
    using opened = await GoogLeNet.open(path, { device: 'cpu', threads: 1 })
    expect(opened.options).toEqual(net.options)
  })

  it('show what network the file is of', async () => {
    using net = await fresh({ seed: 1 })
    const dict = await net.stateDict()
    for (const [aux, kept] of [
      [true, dict],
      [false, withoutHeads(dict)],
    ] as const) {
      await writeSafetensors(path, toSourceNames(kept, variant))
      using opened = await GoogLeNet.open(path, { device: 'cpu', threads: 1 })
      expect(opened.options).toMatchObject({ variant, aux, classes: 4, channels: 3, reduction4d: 144 })
      expect(differing(await opened.stateDict(), kept)).toEqual([])
    }
  })

  it('may lack the auxiliary heads, which stay as they are, or have them for nothing', async () => {
    using net = await fresh({ seed: 1 })
    const dict = await net.stateDict()
    const heads = sorted([...dict.keys()].filter((name) => name.startsWith('aux_fc')))
    await writeSafetensors(path, toSourceNames(withoutHeads(dict), variant))
    using other = await fresh({ seed: 2 })
    const before = await other.stateDict()
    const { missing, unexpected } = await other.load(path)
    expect([sorted(missing), unexpected]).toEqual([heads, []])
    expect(sorted(differing(await other.stateDict(), dict))).toEqual(
      sorted(differing(before, dict).filter((name) => name.startsWith('aux_fc'))),
    )

    await net.save(path, { names: 'source' })
    using headless = await fresh({ aux: false, seed: 3 })
    const found = await headless.load(path)
    expect([found.missing, sorted(found.unexpected)]).toEqual([[], heads])
    expect(differing(await headless.stateDict(), withoutHeads(dict))).toEqual([])
  })

  it('may lack nothing else, nor bring more', async () => {
    using net = await fresh()
    const named = toSourceNames(await net.stateDict(), variant)
    const last = variant === 'paper' ? 'loss3/classifier_b_0' : 'fc.bias'
    const bias = named.get(last)!
    named.delete(last)
    await writeSafetensors(path, named)
    const code = (part: string) => ({ code: `ERR_GOOGLENET_WEIGHTS_${part}` })
    await expect(net.load(path)).rejects.toMatchObject(code('MISSING'))
    await expect(net.load(path, { strict: false })).resolves.toMatchObject({ missing: ['fc.bias'] })
    await writeSafetensors(path, named.set(last, bias).set('more', bias))
    await expect(net.load(path)).rejects.toMatchObject(code('UNEXPECTED'))
  })

  it('of another variant are refused with its name', async () => {
    using net = await fresh()
    for (const names of ['source', 'own'] as const) {
      await net.save(path, { names })
      using seed = await create()
      await expect(seed.load(path)).rejects.toMatchObject({
        code: 'ERR_GOOGLENET_WEIGHTS_UNEXPECTED',
        message: expect.stringContaining(`variant: '${variant}'`),
      })
    }
  })
})

it('the names of seed are the source’s already', async () => {
  using net = await create()
  const dict = await net.stateDict()
  expect([...toSourceNames(dict, 'seed').keys()]).toEqual([...dict.keys()])
})
