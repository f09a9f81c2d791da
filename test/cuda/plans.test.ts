/**
 * cuDNN plans every convolution that the CUDA backend would run, for cards that are not here: devices/ describes them
 * (the H200's as cuDNN takes it, the others from NVIDIA's datasheets and the limits of their compute capability).
 * Nothing is run. In CI (or with GOOGLENET_TEST_PLANS=all) every card has every batch; otherwise the H200 has them all
 * and the others one, as cuDNN compiles some 40 kernels for each.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { LayerDefinition, NetworkDefinition, Precision } from '../../binding.js'
import { seed } from '../../lib/models/seed.js'
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
const timeout = 1_200_000

const cards = [
  { card: 'h200', chip: 'sm_90', precisions: ['fp32', 'bf16', 'fp16'], batches: everyBatch },
  { card: 't4', chip: 'sm_75', precisions: ['fp32', 'fp16'], batches: all ? everyBatch : [32] },
  { card: 'a100', chip: 'sm_80', precisions: ['fp32', 'bf16', 'fp16'], batches: all ? everyBatch : [32] },
  { card: 'rtx3090', chip: 'sm_86', precisions: ['fp32', 'bf16', 'fp16'], batches: all ? everyBatch : [32] },
  { card: 'l4', chip: 'sm_89', precisions: ['fp32', 'bf16', 'fp16'], batches: all ? everyBatch : [32] },
  { card: 'b200', chip: 'sm_100', precisions: ['fp32', 'bf16', 'fp16'], batches: all ? everyBatch : [32] },
] as const

/** Turing's tensor cores have no engine that leaves statistics: our kernels sum them there. */
const inParts = (card: string, graph: string) => card === 't4' && graph.includes('statistics')

const network = seed({
  classes: 1000,
  channels: 3,
  imageSize: 224,
  reduction4d: 114,
  aux: true,
  auxDropout: 0.5,
  dropout: 0,
})

/** A network as the program reads it. */
function textOf({ input, layers, heads }: NetworkDefinition): string {
  const figures = (layer: LayerDefinition) => {
    switch (layer.kind) {
      case 'convolution':
        return [layer.outChannels, layer.kernel, layer.stride, layer.padding, Number(layer.bias)]
      case 'maxPool':
      case 'averagePool':
        return [layer.kernel, layer.stride, layer.padding]
      case 'linear':
        return [layer.outFeatures, Number(layer.bias)]
      default:
        return []
    }
  }
  const inputs = (layer: LayerDefinition) => ('inputs' in layer ? layer.inputs : [layer.input])
  return [
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
  precision: Precision,
  batches: readonly number[],
): Promise<PlannedGraph[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [device, precision, ...batches.map(String)], { env: libraryEnvironment })
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
    child.stdin.end(textOf(network))
  })
}

const describedBy = (card: string) => join(packageRoot, 'test/cuda/devices', `${card}.device.json`)
const shown = ({ graph, steps, refusal }: PlannedGraph) => `${graph}\n  of ${steps[0]}\n  ${refusal}`

// Side by side: a process plans on one core.
describe.concurrent.each(cards)('on a $card ($chip)', ({ card, precisions, batches }) => {
  describe.each(precisions)('in %s', (precision) => {
    let planned: Promise<PlannedGraph[]> | undefined
    const graphs = () => {
      planned ??= planGraphs(describedBy(card), precision, batches)
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
      const convolutions = network.layers.filter(({ kind }) => kind === 'convolution')
      const steps = (await graphs()).flatMap(({ steps }) => steps)
      for (const batch of batches) {
        for (const [step, mode, fewer] of [
          ['convolution', 'inference', 0],
          ['convolution', 'training', 0],
          ['convolution backward weights', 'training', 0],
          ['convolution backward data', 'training', 1], // nobody wants the images' gradient
        ] as const) {
          const layers = steps.flatMap((text) => {
            const [, found, layers, ofBatch, ofMode] = /^(.*) of (.*), batch (\d+), (\w+)$/.exec(text) ?? []
            return found === step && Number(ofBatch) === batch && ofMode === mode ? layers?.split(' + ') : []
          })
          expect(new Set(layers).size, `${step}, ${mode}`).toBe(convolutions.length - fewer)
        }
      }
    })
  })
})

it.skipIf(librariesMissing)('a graph that no engine takes is told with its reason', { timeout }, async () => {
  const graphs = await planGraphs(describedBy('t4'), 'bf16', [1])
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
  await expect(planGraphs(packageFile, 'fp16', [1])).rejects.toThrow('ERR_GOOGLENET_DEVICE')
})
