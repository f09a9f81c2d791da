import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LayerDefinition, Network, NetworkDefinition } from '../../binding.js'
import { binding } from '../../lib/native.js'
import {
  evalForward,
  step,
  tinyBatch,
  tinyDefinition,
  tinyLabels,
  tinyNetwork,
  tinyOptions,
  weightsOf,
} from './tiny.js'

/** Of a call whose types are wrong on purpose. */
const wrong = (value: unknown) => value as never

function refusal(code: string, message: RegExp) {
  return expect.objectContaining({ code: `ERR_GOOGLENET_${code}`, message: expect.stringMatching(message) })
}

let network: Network
beforeAll(async () => {
  network = await tinyNetwork()
})
afterAll(() => network.dispose())

describe('create refuses', () => {
  const withLayer = (index: number, change: object): NetworkDefinition => {
    const definition = tinyDefinition()
    definition.layers[index] = { ...definition.layers[index], ...change } as LayerDefinition
    return definition
  }
  const withInput = (change: object): NetworkDefinition => {
    const definition = tinyDefinition()
    return { ...definition, input: { ...definition.input, ...change } }
  }
  const cases: [string, unknown, unknown, string, RegExp][] = [
    ['no definition', undefined, tinyOptions, 'OPTION', /definition must be an object, found undefined/],
    ['no options', tinyDefinition(), undefined, 'OPTION', /options must be an object, found undefined/],
    [
      'layers of no array',
      { ...tinyDefinition(), layers: {} },
      tinyOptions,
      'OPTION',
      /layers must be an array/,
    ],
    ['too many layers', { ...tinyDefinition(), layers: Array(2000) }, tinyOptions, 'OPTION', /at most 1024/],
    ['a hole in layers', { ...tinyDefinition(), layers: Array(2) }, tinyOptions, 'OPTION', /layers\[0\]/],
    ['an unknown kind', withLayer(2, { kind: 'tanh' }), tinyOptions, 'OPTION', /layers\[2\].kind.*"tanh"/],
    ['a kernel of 0', withLayer(0, { kernel: 0 }), tinyOptions, 'OPTION', /layers\[0\].kernel.*found 0/],
    ['a broken stride', withLayer(0, { stride: 1.5 }), tinyOptions, 'OPTION', /stride.*found 1.5/],
    ['a kernel that does not fit', withLayer(0, { kernel: 40 }), tinyOptions, 'SHAPE', /"conv"/],
    ['an unknown input', withLayer(1, { input: 'nothing' }), tinyOptions, 'SHAPE', /"nothing"/],
    ['a name twice', withLayer(1, { name: 'conv' }), tinyOptions, 'SHAPE', /twice/],
    ['a bias of 1', withLayer(0, { bias: 1 }), tinyOptions, 'OPTION', /bias must be true or false, found 1/],
    ['an epsilon of 0', withLayer(1, { epsilon: 0 }), tinyOptions, 'SHAPE', /epsilon/],
    ['a momentum of NaN', withLayer(1, { momentum: Number.NaN }), tinyOptions, 'OPTION', /momentum.*NaN/],
    ['a mean too few', withInput({ mean: [0, 0] }), tinyOptions, 'OPTION', /mean and std/],
    ['a deviation of 0', withInput({ std: [1, 0, 1] }), tinyOptions, 'OPTION', /std\[1\]/],
    ['images too large', withInput({ height: 65535, width: 65535 }), tinyOptions, 'SHAPE', /2147483647/],
    [
      'too many weights',
      withLayer(4, { outFeatures: 1 << 20, input: 'norm' }),
      tinyOptions,
      'SHAPE',
      /"head".*2147483647/,
    ],
    ['another precision', tinyDefinition(), { ...tinyOptions, precision: 'fp64' }, 'OPTION', /"fp64"/],
    ['no heads', { ...tinyDefinition(), heads: [] }, tinyOptions, 'OPTION', /at least one head/],
    [
      'a head of no layer',
      { ...tinyDefinition(), heads: [{ layer: 'x', lossWeight: 1 }] },
      tinyOptions,
      'OPTION',
      /"x"/,
    ],
    ['a GPU far beyond any', tinyDefinition(), { ...tinyOptions, device: 'cuda:99' }, 'DEVICE', /cuda:99/],
    ['another device', tinyDefinition(), { ...tinyOptions, device: 'tpu' }, 'DEVICE', /"tpu"/],
    ['half a GPU', tinyDefinition(), { ...tinyOptions, device: 'cuda:0.5' }, 'DEVICE', /"cuda:0.5"/],
    ['a GPU below 0', tinyDefinition(), { ...tinyOptions, device: 'cuda:-1' }, 'DEVICE', /"cuda:-1"/],
    ['a GPU without a number', tinyDefinition(), { ...tinyOptions, device: 'cuda:' }, 'DEVICE', /"cuda:"/],
    ['tf32 of 1', tinyDefinition(), { ...tinyOptions, tf32: 1 }, 'OPTION', /tf32 must be true or false/],
    ['a plan cache of 1', tinyDefinition(), { ...tinyOptions, planCache: 1 }, 'OPTION', /planCache/],
    ['fp16', tinyDefinition(), { ...tinyOptions, precision: 'fp16' }, 'PRECISION', /fp16/],
    ['a seed below 0', tinyDefinition(), { ...tinyOptions, seed: -1 }, 'OPTION', /seed.*found -1/],
    [
      'threads of NaN',
      tinyDefinition(),
      { ...tinyOptions, threads: Number.NaN },
      'OPTION',
      /threads.*found NaN/,
    ],
  ]
  it.each(cases)('%s', async (_, definition, options, code, message) => {
    await expect(binding.Network.create(wrong(definition), wrong(options))).rejects.toEqual(
      refusal(code, message),
    )
  })

  it('a definition whose getter throws, with what it threw', async () => {
    const failure = new Error('from the getter')
    const definition = {
      get input() {
        throw failure
      },
    }
    await expect(binding.Network.create(wrong(definition), tinyOptions)).rejects.toBe(failure)
  })
})

describe('a batch is refused', () => {
  const batch = tinyBatch(2)
  const values = 2 * 3 * 16 * 16
  const detached = new Float32Array(values)
  structuredClone(0, { transfer: [detached.buffer] })
  const cases: [string, unknown, string, RegExp][] = [
    ['that is none', undefined, 'OPTION', /batch must be an object/],
    [
      'of float64',
      { ...batch, data: new Float64Array(values) },
      'DTYPE',
      /batch.data must be a Float32Array or/,
    ],
    [
      'of clamped bytes',
      { ...batch, data: new Uint8ClampedArray(values) },
      'DTYPE',
      /typed array of another kind/,
    ],
    ['of a plain array', { ...batch, data: Array(values).fill(0) }, 'DTYPE', /found an array/],
    ['of a DataView', { ...batch, data: new DataView(new ArrayBuffer(values)) }, 'DTYPE', /found an object/],
    ['one value short', { ...batch, data: batch.data.subarray(1) }, 'SHAPE', /1536 elements, found 1535/],
    ['that is detached', { ...batch, data: detached }, 'SHAPE', /1536 elements, found 0/],
    ['without images', { ...batch, data: new Float32Array(0), shape: [0, 3, 16, 16] }, 'SHAPE', /found 0/],
    ['of half an image', { ...batch, shape: [0.5, 3, 16, 16] }, 'SHAPE', /found 0.5/],
    ['of -1 images', { ...batch, shape: [-1, 3, 16, 16] }, 'SHAPE', /found -1/],
    ['of too many images', { ...batch, shape: [65536, 3, 16, 16] }, 'SHAPE', /found 65536/],
    ['of other channels', { ...batch, shape: [2, 1, 16, 48] }, 'SHAPE', /\[n, 3, 16, 16\].*\[2, 1, 16, 48\]/],
    ['of three dimensions', { ...batch, shape: [2, 3, 256] }, 'SHAPE', /found \[2, 3, 256\]/],
    ['with a shape of text', { ...batch, shape: '2,3,16,16' }, 'OPTION', /shape must be an array/],
    ['in another layout', { ...batch, layout: 'hwcn' }, 'OPTION', /"nchw" or "nhwc", found "hwcn"/],
  ]
  it.each(cases)('%s', async (_, data, code, message) => {
    await expect(network.forward(wrong(data), evalForward)).rejects.toEqual(refusal(code, message))
    await expect(network.trainStep(wrong(data), tinyLabels(2), step)).rejects.toEqual(refusal(code, message))
  })

  it('by forward with an unknown option', async () => {
    const forward = (options: object) => network.forward(batch, wrong({ ...evalForward, ...options }))
    await expect(forward({ mode: 'test' })).rejects.toEqual(
      refusal('OPTION', /mode must be "eval" or "train"/),
    )
    await expect(forward({ weights: 'mean' })).rejects.toEqual(refusal('OPTION', /"weights" or "average"/))
    await expect(forward({ heads: 'two' })).rejects.toEqual(refusal('OPTION', /"all" or "main"/))
    await expect(forward({ weights: 'average' })).rejects.toEqual(refusal('OPTION', /averageDecay/))
  })
})

describe('a step is refused', () => {
  const labelCases: [string, unknown, string, RegExp][] = [
    ['without labels', undefined, 'DTYPE', /labels must be an Int32Array, found undefined/],
    ['with labels of another type', new Uint32Array(2), 'DTYPE', /labels must be an Int32Array/],
    ['with too few labels', new Int32Array(1), 'SHAPE', /2 elements, found 1/],
    [
      'with a label above the classes',
      new Int32Array([0, 5]),
      'LABEL',
      /labels\[1\] must be from 0 to 4.*found 5/,
    ],
    ['with a label below 0', new Int32Array([-1, 0]), 'LABEL', /labels\[0\].*found -1/],
  ]
  it.each(labelCases)('%s', async (_, labels, code, message) => {
    await expect(network.trainStep(tinyBatch(2), wrong(labels), step)).rejects.toEqual(refusal(code, message))
  })

  const optionCases: [string, object, RegExp][] = [
    ['a learning rate of NaN', { learningRate: Number.NaN }, /learningRate.*found NaN/],
    ['an infinite learning rate', { learningRate: Number.POSITIVE_INFINITY }, /learningRate.*found Infinity/],
    ['a learning rate beyond fp32', { learningRate: 1e300 }, /learningRate.*found 1e\+300/],
    ['a learning rate below 0', { learningRate: -0.1 }, /learningRate.*found -0.1/],
    ['a learning rate of text', { learningRate: '0.1' }, /learningRate.*found "0.1"/],
    ['a momentum above 1', { momentum: 1.5 }, /momentum.*found 1.5/],
    ['a weight decay of null', { weightDecay: null }, /weightDecay.*found null/],
    ['nesterov of 1', { nesterov: 1 }, /nesterov must be true or false/],
    ['a label smoothing above 1', { labelSmoothing: 2 }, /labelSmoothing/],
    ['an average decay below 0', { averageDecay: -1 }, /averageDecay/],
    ['no accumulation', { accumulate: undefined }, /accumulate must be an object/],
    ['an index beyond the count', { accumulate: { index: 2, count: 2 } }, /index.*from 0 to 1, found 2/],
    ['a count of 0', { accumulate: { index: 0, count: 0 } }, /count.*found 0/],
  ]
  it.each(optionCases)('with %s', async (_, change, message) => {
    const options = { ...step, ...change }
    await expect(network.trainStep(tinyBatch(2), tinyLabels(2), wrong(options))).rejects.toEqual(
      refusal('OPTION', message),
    )
  })
})

describe('setTensors', () => {
  const bias = { name: 'head.bias', shape: [5], data: new Float32Array(5).fill(9) }
  const cases: [string, unknown, unknown, string, RegExp][] = [
    ['a set that is none', 'masks', [], 'OPTION', /set must be "weights"/],
    ['gradients', 'gradients', [], 'OPTION', /gradients cannot be set/],
    ['no tensors', 'weights', undefined, 'OPTION', /tensors must be an array/],
    [
      'an unknown name',
      'weights',
      [bias, { ...bias, name: 'tail.bias' }],
      'WEIGHTS_UNEXPECTED',
      /"tail.bias"/,
    ],
    ['a name twice', 'weights', [bias, bias], 'WEIGHTS_UNEXPECTED', /each once/],
    [
      'momentum of statistics',
      'momentum',
      [{ ...bias, name: 'norm.running_mean' }],
      'WEIGHTS_UNEXPECTED',
      /set/,
    ],
    [
      'another shape',
      'weights',
      [bias, { name: 'conv.bias', shape: [2, 4], data: new Float32Array(8) }],
      'SHAPE',
      /"conv.bias" has the shape \[8\], found \[2, 4\]/,
    ],
    [
      'a length unlike the shape',
      'weights',
      [bias, { name: 'conv.bias', shape: [8], data: new Float32Array(7) }],
      'SHAPE',
      /8 elements, found 7/,
    ],
    [
      'float64',
      'weights',
      [bias, { name: 'conv.bias', shape: [8], data: new Float64Array(8) }],
      'DTYPE',
      /data must be a Float32Array/,
    ],
  ]
  it.each(cases)('refuses %s and changes nothing', async (_, set, tensors, code, message) => {
    const before = await weightsOf(network)
    await expect(network.setTensors(wrong(set), wrong(tensors))).rejects.toEqual(refusal(code, message))
    expect(await weightsOf(network)).toEqual(before)
  })

  it('replaces the named tensors alone', async () => {
    const other = await tinyNetwork()
    const before = await weightsOf(other)
    const weight = Float32Array.from({ length: 8 * 3 * 3 * 3 }, (_, i) => i)
    await other.setTensors('weights', [bias, { name: 'conv.weight', shape: [8, 3, 3, 3], data: weight }])
    expect(await weightsOf(other)).toEqual({
      ...before,
      'head.bias': [9, 9, 9, 9, 9],
      'conv.weight': [...weight],
    })
    other.dispose()
  })
})

describe('other calls', () => {
  it('have their arguments checked', async () => {
    await expect(network.getTensors(wrong('bias'))).rejects.toEqual(
      refusal('OPTION', /"gradients", found "bias"/),
    )
    await expect(network.plan(0, 'eval')).rejects.toEqual(refusal('OPTION', /batch.*found 0/))
    await expect(network.plan(1e9, 'eval')).rejects.toEqual(refusal('OPTION', /batch.*found 1000000000/))
    await expect(network.plan(1, wrong('both'))).rejects.toEqual(refusal('OPTION', /"both"/))
    const profile = { batch: 1, mode: 'eval', repeat: 1 } as const
    await expect(network.profile({ ...profile, batch: 0 })).rejects.toEqual(
      refusal('OPTION', /options\.batch.*found 0/),
    )
    await expect(network.profile({ ...profile, mode: wrong('both') })).rejects.toEqual(
      refusal('OPTION', /options\.mode.*"both"/),
    )
    await expect(network.profile({ ...profile, repeat: 0.5 })).rejects.toEqual(
      refusal('OPTION', /options\.repeat.*found 0\.5/),
    )
    await expect(network.profile(wrong(undefined))).rejects.toEqual(refusal('OPTION', /options/))
    expect(() => network.setCounters(wrong({ steps: 1 }))).toThrowError(refusal('OPTION', /counters.batches/))
    expect(() => network.setCounters({ steps: -1, batches: 0 })).toThrowError(refusal('OPTION', /found -1/))
    await expect(network.setLossScale(wrong({ scale: 0 }))).rejects.toEqual(
      refusal('OPTION', /scale\.scale.*found 0/),
    )
    await expect(network.setLossScale(wrong({ scale: 1, growing: -1, skipped: 0 }))).rejects.toEqual(
      refusal('OPTION', /scale\.growing.*found -1/),
    )
  })

  it('need a network that create() made', () => {
    const made = new (binding.Network as unknown as new () => Network)()
    expect(() => made.memory()).toThrowError(refusal('OPTION', /Network.create\(\)/))
    made.dispose()
    expect(() => binding.Network.prototype.memory.call(wrong({}))).toThrowError(TypeError)
  })

  it('answer empty for sets that the network does not keep', async () => {
    const fresh = await tinyNetwork()
    expect(await Promise.all([fresh.getTensors('momentum'), fresh.getTensors('gradients')])).toEqual([[], []])
    await fresh.trainStep(tinyBatch(), tinyLabels(), step)
    const names = (await fresh.getTensors('gradients')).map(({ name }) => name)
    expect(names).toEqual([
      'conv.weight',
      'conv.bias',
      'norm.weight',
      'norm.bias',
      'head.weight',
      'head.bias',
    ])
    expect(await fresh.getTensors('average')).toEqual([])
    fresh.dispose()
  })

  it('tell the plan', async () => {
    const plan = await network.plan(2, 'train')
    expect(plan.steps.flatMap(({ layers }) => layers)).toEqual(
      expect.arrayContaining(['conv', 'pool', 'head']),
    )
    const ends = plan.buffers.map(({ offset, bytes }) => offset + bytes)
    expect(Math.max(...ends)).toBe(plan.arenaBytes)
  })
})
