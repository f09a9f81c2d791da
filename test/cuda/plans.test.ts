/**
 * cuDNN plans every convolution that the CUDA backend would run, for cards that are not here: devices/ describes them
 * (the H200's as cuDNN takes it, the others from NVIDIA's datasheets and the limits of their compute capability).
 * Nothing is run. cuDNN compiles some 40 kernels for each batch of a network, half a second each, so that CI alone, or
 * GOOGLENET_TEST_PLANS=all, plans every variant and batch on every card. Otherwise the H200 has every batch of seed and
 * the largest of the others, and other cards have one of seed. A graph that variants share is planned once.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { LayerDefinition, NetworkDefinition, Precision } from '../../binding.js'
import { type Variant, variantNames, variants } from '../../lib/models/variants.js'
import { packageRoot } from '../../lib/packageRoot.js'
import { driverMissing, librariesMissing, libraryEnvironment } from './libraries.js'

interface PlannedGraph {
  graph: string
  steps: string[]
  engine: string
  compiled: boolean
  whole: boolean
  workspace: number
  refusal: string
}

const program = join(packageRoot, 'build/Release/googlenet-cuda-plans')
const all = process.env.GOOGLENET_TEST_PLANS === 'all' || process.env.CI === 'true'
const everyBatch = [1, 32, 256]
const timeout = 1_800_000

/** How products are made: the precisions, and fp32 where they may round to TF32. */
type Arithmetic = Precision | 'tf32'

interface Card {
  card: string
  chip: string
  arithmetics: Arithmetic[]
  seed: readonly number[]
  others: readonly number[]
}
const sample = all ? { seed: everyBatch, others: everyBatch } : { seed: [32], others: [] }
const cards: Card[] = [
  {
    card: 'h200',
    chip: 'sm_90',
    arithmetics: ['fp32', 'bf16', 'fp16'],
    seed: everyBatch,
    others: all ? everyBatch : [256],
  },
  // The slowest to compile begins early.
  { card: 't4', chip: 'sm_75', arithmetics: ['fp16', 'fp32'], ...sample },
  { card: 'a100', chip: 'sm_80', arithmetics: ['fp32', 'bf16', 'fp16'], ...sample },
  { card: 'rtx3090', chip: 'sm_86', arithmetics: ['fp32', 'bf16', 'fp16'], ...sample },
  { card: 'l4', chip: 'sm_89', arithmetics: ['fp32', 'bf16', 'fp16'], ...sample },
  { card: 'b200', chip: 'sm_100', arithmetics: ['fp32', 'bf16', 'fp16'], ...sample },
  { card: 'h200', chip: 'sm_90', arithmetics: ['tf32'], ...sample },
]

/** Turing's tensor cores have no engine that leaves statistics: our kernels sum them there. */
const inParts = (card: string, graph: string) => card === 't4' && graph.includes('statistics')

const networkOf = (variant: Variant): NetworkDefinition => {
  const { define, defaults } = variants[variant]
  return define({ classes: 1000, channels: 3, imageSize: 224, aux: true, ...defaults })
}

/** A network as the program reads it. */
function textOf(variant: Variant): string {
  const { input, layers, heads } = networkOf(variant)
  const figures = (layer: LayerDefinition) => {
    switch (layer.kind) {
      case 'convolution':
        return [layer.outChannels, layer.kernel, layer.stride, layer.padding, Number(layer.bias)]
      case 'maxPool':
        return [layer.kernel, layer.stride, layer.padding, Number(layer.ceil ?? false)]
      case 'averagePool':
        return [layer.kernel, layer.stride, layer.padding, 0]
      case 'adaptiveAveragePool':
        return [layer.size]
      case 'linear':
        return [layer.outFeatures, Number(layer.bias)]
      default:
        return []
    }
  }
  const inputs = (layer: LayerDefinition) => ('inputs' in layer ? layer.inputs : [layer.input])
  return [
    ['network', variant],
    ['input', input.channels, input.height, input.width],
    ...layers.map((layer) => [layer.kind, layer.name, ...inputs(layer), ...figures(layer)]),
    ...heads.map((head) => ['head', head.layer]),
  ]
    .map((words) => words.join(' '))
    .join('\n')
}

/** @throws with what the program says when it fails. */
function planGraphs(
  device: string,
  arithmetic: Arithmetic,
  chosen: readonly Variant[],
  batches: readonly number[],
): Promise<PlannedGraph[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [device, arithmetic, ...batches.map(String)], { env: libraryEnvironment })
    let output = ''
    let errors = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.stderr.on('data', (chunk) => {
      errors += chunk
    })
    child.on('error', reject)
    child.on('close', (code) => {
      if (code !== 0) return reject(new Error(errors || `${program} ended with ${code}`))
      resolve(
        output
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as PlannedGraph),
      )
    })
    child.stdin.end(chosen.map(textOf).join('\n'))
  })
}

const describedBy = (card: string) => join(packageRoot, 'test/cuda/devices', `${card}.device.json`)
const shown = ({ graph, steps, refusal }: PlannedGraph) => `${graph}\n  of ${steps[0]}\n  ${refusal}`

/** `variant, batch, mode` of each step in which a layer's name is found. */
function layersOf(graphs: readonly PlannedGraph[], step: string): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  for (const text of graphs.flatMap(({ steps }) => steps)) {
    const [, kind, layers, where] = /^(.*) of (.*), (\w+, batch \d+, \w+)$/.exec(text) ?? []
    if (kind !== step || !layers || !where) continue
    const all = found.get(where) ?? new Set()
    for (const layer of layers.split(' + ')) all.add(layer)
    found.set(where, all)
  }
  return found
}

/** What is planned together: batches of these variants. Equal graphs are planned once. */
const groups = cards.flatMap(({ seed, others, ...card }) => {
  const rest = seed.filter((batch) => !others.includes(batch))
  return [
    { ...card, chosen: variantNames, batches: others },
    { ...card, chosen: ['seed'] satisfies Variant[], batches: rest },
  ].filter(({ batches }) => batches.length > 0)
})

// Side by side: a process plans on one core.
describe.concurrent.each(groups)(
  'on a $card ($chip): $chosen, batches of $batches',
  ({ card, arithmetics, chosen, batches }) => {
    describe.each(arithmetics)('in %s', (arithmetic) => {
      let planned: Promise<PlannedGraph[]> | undefined
      const graphs = () => {
        planned ??= planGraphs(describedBy(card), arithmetic, chosen, batches)
        return planned
      }

      it.skipIf(librariesMissing)('every convolution has an engine', { timeout }, async () => {
        const none = (await graphs()).filter(({ engine }) => engine === '')
        expect(none.map(shown)).toEqual([])
      })

      it.skipIf(driverMissing)('bias, ReLU, statistics and sums are part of it', { timeout }, async () => {
        const parts = (await graphs()).filter(({ whole, graph }) => !whole && !inParts(card, graph))
        expect(parts.map(shown)).toEqual([])
      })

      it.skipIf(librariesMissing)('no convolution is left out', { timeout }, async () => {
        for (const [step, mode, fewer] of [
          ['convolution', 'inference', 0],
          ['convolution', 'training', 0],
          ['convolution backward weights', 'training', 0],
          ['convolution backward data', 'training', 1], // nobody wants the images' gradient
        ] as const) {
          const found = layersOf(await graphs(), step)
          for (const variant of chosen) {
            const convolutions = networkOf(variant).layers.filter(({ kind }) => kind === 'convolution')
            for (const batch of batches) {
              const layers = found.get(`${variant}, batch ${batch}, ${mode}`)
              expect(layers?.size, `${step} of ${variant}, ${mode}`).toBe(convolutions.length - fewer)
            }
          }
        }
      })
    })
  },
)

it.skipIf(librariesMissing)('a graph that no engine takes is told with its reason', { timeout }, async () => {
  const graphs = await planGraphs(describedBy('t4'), 'bf16', ['seed'], [1])
  const none = graphs.filter(({ engine }) => engine === '')
  expect(none.length).toBeGreaterThan(0)
  for (const { graph, refusal } of none) {
    expect(graph).toContain('bf16[')
    expect(refusal).not.toBe('')
  }
})

it.skipIf(librariesMissing)('what describes no device is refused', async () => {
  const packageFile = join(packageRoot, 'package.json')
  expect(() => JSON.parse(readFileSync(packageFile, 'utf8'))).not.toThrow()
  await expect(planGraphs(packageFile, 'fp16', ['seed'], [1])).rejects.toThrow('ERR_GOOGLENET_DEVICE')
})
