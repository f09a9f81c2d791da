/** Plans, of the seed network and of random ones, for devices that need not be there, held against rules. */
import { describe, expect, it } from 'vitest'
import type { NetworkDefinition, PlanOptions, PlanReport, Precision } from '../../binding.js'
import { naiveInception } from '../../lib/models/blocks.js'
import { seed as seedVariant } from '../../lib/models/seed.js'
import { binding } from '../../lib/native.js'
import { checkModelOptions } from '../../lib/options.js'
import { drawCase, rows } from '../conformance/cases.js'
import { block, concat, conv, linear, maxPool } from '../conformance/layers.js'
import { check, seed } from './rules.js'

interface Target {
  device: 'cpu' | 'cuda'
  precision: Precision
  /** Of lanes, what rows are padded to: 16 bytes on a GPU. */
  multiple: number
}

const targets: readonly Target[] = [
  { device: 'cpu', precision: 'fp32', multiple: 1 },
  { device: 'cpu', precision: 'bf16', multiple: 1 },
  { device: 'cuda', precision: 'fp32', multiple: 4 },
  { device: 'cuda', precision: 'bf16', multiple: 8 },
  { device: 'cuda', precision: 'fp16', multiple: 8 },
]
const batches = [1, 7, 32, 256]
const modes = ['eval', 'train'] as const

/** The same layers with `factor` times the channels, so that more of them are multiples. */
const widened = (definition: NetworkDefinition, factor: number): NetworkDefinition => ({
  ...definition,
  layers: definition.layers.map((layer) =>
    layer.kind === 'convolution' ? { ...layer, outChannels: layer.outChannels * factor } : layer,
  ),
})

/** Modules without 1x1 reductions: their convolutions cannot run as one. */
const naive = seedVariant(checkModelOptions({ imageSize: 64 }), naiveInception)

/** A module whose 1x1 branches have these channels: two straight into the concat, two that others read. */
function siblings(first: number, second: number, ...reduced: number[]): NetworkDefinition {
  const narrow = reduced.map((channels, i) => ({ name: `reduce${i}`, channels }))
  return {
    input: { channels: 3, height: 6, width: 6, mean: [0, 0, 0], std: [1, 1, 1] },
    layers: [
      conv('stem', 'input', 8),
      ...block('first', 'stem', first),
      ...narrow.flatMap(({ name, channels }) => block(name, 'stem', channels)),
      ...block('second', 'stem', second),
      ...narrow.flatMap(({ name }) => block(`${name}.wide`, name, 16, 3, { padding: 1 })),
      concat('joined', 'first', ...narrow.map(({ name }) => `${name}.wide`), 'second'),
      maxPool('pool', 'joined', 3),
      linear('head', 'pool', 5),
    ],
    heads: [{ layer: 'head', lossWeight: 1 }],
  }
}
const siblingWidths: readonly [number, number, ...number[]][] = [
  [8, 8, 16, 24],
  [8, 5, 16, 24],
  [8, 8, 5, 16],
  [12, 8, 5, 16],
  [12, 12, 3, 4],
  [5, 8, 16, 16],
  [5, 7, 3, 11],
]

const networks: readonly { name: string; definition: NetworkDefinition }[] = [
  { name: 'seed', definition: seed() },
  {
    name: 'seed without aux heads, small, with one channel',
    definition: seed({ imageSize: 64, aux: false, channels: 1 }),
  },
  {
    name: 'seed with the reduction of the paper and 10 classes',
    definition: seed({ reduction4d: 144, classes: 10 }),
  },
  { name: 'seed of naive modules', definition: naive },
  { name: 'paper', definition: seed({ variant: 'paper' }) },
  { name: 'torchvision, small', definition: seed({ variant: 'torchvision', imageSize: 97, classes: 10 }) },
  ...siblingWidths.map((widths) => ({
    name: `siblings of ${widths} channels`,
    definition: siblings(...widths),
  })),
  ...rows.flatMap((row) =>
    [1, 4, 8].map((factor) => {
      const { name, definition } = drawCase(row, factor)
      return { name: `${name}, ${factor} times as wide`, definition: widened(definition, factor) }
    }),
  ),
]

describe.each(targets)('a plan for $device in $precision', ({ device, precision, multiple }) => {
  it.each(networks)('$name', ({ name, definition }) => {
    // The layers' order and places do not depend on the batch: random networks take their turns.
    const turn = name.length % batches.length
    for (const batch of name.startsWith('seed') ? batches : [batches[turn]!]) {
      for (const mode of modes) {
        const options = { device, precision, batch, mode, mainHeadOnly: false }
        check(binding.plan(definition, options), definition, options, multiple)
      }
    }
    const main = { ...definition, heads: definition.heads.slice(0, 1) }
    const options = { device, precision, batch: 2, mode: 'eval', mainHeadOnly: true } as const
    check(binding.plan(definition, options), main, options, multiple)
  })
})

describe('the plan of the seed network', () => {
  const plan = (device: 'cpu' | 'cuda', precision: Precision, mode: 'eval' | 'train') =>
    binding.plan(seed(), { device, precision, batch: 2, mode, mainHeadOnly: false })
  const operations = ({ steps }: PlanReport, operation: string) =>
    steps.filter((step) => step.operation === operation)

  it('has no concat and no copy left on a GPU, in inference', () => {
    for (const { precision } of targets.filter(({ device }) => device === 'cuda')) {
      const { steps } = plan('cuda', precision, 'eval')
      expect(new Set(steps.map(({ operation }) => operation))).toEqual(
        new Set(['input', 'convolution', 'max pool', 'average pool', 'linear']),
      )
      expect(steps.filter(({ layers }) => layers.length > 1)).toHaveLength(9)
    }
  })

  it('merges the three 1x1 convolutions of each module but the narrow one of 4d', () => {
    const merged = (report: PlanReport) =>
      operations(report, 'convolution').flatMap(({ layers }) => (layers.length > 1 ? [layers.length] : []))
    expect(merged(plan('cuda', 'fp16', 'eval'))).toEqual([3, 3, 3, 3, 3, 2, 3, 3, 3])
    expect(merged(plan('cuda', 'fp16', 'train'))).toEqual([3, 3, 3, 3, 3, 3, 3, 3, 3])
    expect(merged(plan('cpu', 'fp32', 'eval'))).toEqual([])
    expect(merged(plan('cpu', 'fp32', 'train'))).toEqual([3, 3, 3, 3, 3, 3, 3, 3, 3])
  })

  it('takes statistics from convolutions where they leave them: in fp16', () => {
    for (const { device, precision } of targets) {
      const report = plan(device, precision, 'train')
      const leaving = operations(report, 'convolution').filter(({ statistics }) => statistics)
      const taking = report.steps.filter(
        ({ operation, statistics }) => operation.startsWith('batch norm') && statistics,
      )
      const wanted = device === 'cuda' && precision === 'fp16' ? operations(report, 'convolution').length : 0
      expect([leaving.length, taking.length], `${device} ${precision}`).toEqual([wanted, wanted])
    }
  })

  it('pools what BatchNorm makes of the stem in the same step on a GPU, in training', () => {
    const pooled = (device: 'cpu' | 'cuda', mode: 'eval' | 'train') => {
      const { steps } = plan(device, 'bf16', mode)
      return steps.flatMap(({ operation, layers }) => (operation.includes('and max pool') ? [layers] : []))
    }
    const stem = [['stem_conv.0'], ['stem_conv.4']]
    expect(pooled('cuda', 'train')).toEqual([...stem, ...stem.toReversed()])
    expect(pooled('cuda', 'eval')).toEqual([])
    expect(pooled('cpu', 'train')).toEqual([])
  })

  it('adds up the gradients of branches in convolutions on a GPU, with copies on the CPU', () => {
    const added = (device: 'cpu' | 'cuda') => {
      const { steps } = binding.plan(naive, {
        device,
        precision: 'bf16',
        batch: 2,
        mode: 'train',
        mainHeadOnly: false,
      })
      return steps.filter(({ accumulate }) => accumulate).map(({ operation }) => operation)
    }
    const count = (found: string[], operation: string) => found.filter((one) => one === operation).length
    // Nine modules, in each of which three convolutions and a pool read the same tensor.
    expect(count(added('cuda'), 'convolution backward data')).toBe(18)
    expect(count(added('cuda'), 'copy')).toBe(0)
    expect(count(added('cpu'), 'convolution backward data')).toBe(0)
    expect(count(added('cpu'), 'copy')).toBe(18)
  })

  it('is what a network on the device plans', async () => {
    const options = { device: 'cpu', precision: 'fp32', seed: 0, threads: 1 } as const
    const network = await binding.Network.create(seed({ imageSize: 64 }), options)
    for (const mode of modes) {
      const planned = binding.plan(seed({ imageSize: 64 }), {
        ...options,
        batch: 3,
        mode,
        mainHeadOnly: false,
      })
      expect(await network.plan(3, mode)).toEqual(planned)
    }
    network.dispose()
  })
})

describe('plan() refuses', () => {
  const good: PlanOptions = { device: 'cpu', precision: 'fp32', batch: 1, mode: 'eval', mainHeadOnly: false }
  it.each([
    ['fp16 on the CPU', { precision: 'fp16' }, 'ERR_GOOGLENET_PRECISION'],
    ['another device', { device: 'tpu' }, 'ERR_GOOGLENET_OPTION'],
    ['no images', { batch: 0 }, 'ERR_GOOGLENET_OPTION'],
    ['another mode', { mode: 'test' }, 'ERR_GOOGLENET_OPTION'],
  ])('%s', (_, wrong, code) => {
    const options = { ...good, ...wrong } as PlanOptions
    expect(() => binding.plan(seed({ imageSize: 64 }), options)).toThrow(expect.objectContaining({ code }))
  })
})
