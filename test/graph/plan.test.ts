/** Properties that every plan has, of the seed network and of random ones. */
import { describe, expect, it } from 'vitest'
import type { LayerDefinition, NetworkDefinition, PlanReport } from '../../binding.js'
import { inputsOf, trace } from '../../lib/models/shapes.js'
import { binding } from '../../lib/native.js'
import { checkModelOptions, defineNetwork } from '../../lib/options.js'
import { drawCase, rows } from '../conformance/cases.js'
import { neededLayers } from '../conformance/reference.js'

interface Planned {
  name: string
  definition: NetworkDefinition
  batch: number
}

const seed = (batch: number, imageSize: number, aux = true): Planned => ({
  name: `seed ${imageSize}${aux ? '' : ' without aux heads'}, batch ${batch}`,
  definition: defineNetwork(checkModelOptions({ imageSize, aux })),
  batch,
})

const planned: Planned[] = [
  seed(1, 64),
  seed(7, 96),
  seed(32, 224),
  seed(2, 128, false),
  ...rows.flatMap((row) => [1, 2, 3].map((number) => drawCase(row, number))),
]
const modes = ['eval', 'train'] as const

async function planOf({ definition, batch }: Planned, mode: 'eval' | 'train'): Promise<PlanReport> {
  const options = { device: 'cpu', precision: 'fp32', seed: 0, threads: 1 } as const
  const network = await binding.Network.create(definition, options)
  try {
    return await network.plan(batch, mode)
  } finally {
    network.dispose()
  }
}

describe.each(modes)('the plan for %s of', (mode) => {
  it.each(planned)('$name', async (network) => {
    const plan = await planOf(network, mode)
    checkOrder(plan)
    checkArena(plan)
    checkConcats(plan, network)
    if (mode === 'train') checkGradients(plan, network)
    else expect(plan.steps.filter(({ operation }) => /backward|cross-entropy/.test(operation))).toEqual([])
  })
})

/** Nothing is read before it was written, and a buffer lives from its first use to its last. */
function checkOrder({ steps, buffers }: PlanReport) {
  expect(new Set(buffers.map(({ name }) => name)).size).toBe(buffers.length)
  const lives = new Map(buffers.map((buffer) => [buffer.name, buffer]))
  const written = new Set<string>()
  for (const [index, { operation, layers, reads, writes }] of steps.entries()) {
    const what = `${operation} of ${layers}`
    for (const name of reads) expect(written, `what ${what} reads`).toContain(name)
    for (const name of [...reads, ...writes]) {
      const { first, last } = lives.get(name)!
      expect(first <= index && index <= last, `${name} lives during ${what}`).toBe(true)
    }
    for (const name of writes) written.add(name)
  }
  expect(written).toEqual(new Set(lives.keys()))
}

/** No two buffers that live at one time share bytes, and sharing takes no more than not sharing. */
function checkArena({ buffers, arenaBytes }: PlanReport) {
  for (const a of buffers) {
    expect(a.offset % 64).toBe(0)
    expect(a.offset + a.bytes).toBeLessThanOrEqual(arenaBytes)
    for (const b of buffers) {
      if (a === b || a.last < b.first || b.last < a.first) continue
      const apart = a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset
      expect(apart, `${a.name} and ${b.name} live at one time and lie apart`).toBe(true)
    }
  }
  expect(arenaBytes).toBeLessThanOrEqual(buffers.reduce((sum, { bytes }) => sum + bytes, 0))
}

/** Each slice of a joined tensor is written once in the forward pass. */
function checkConcats({ steps }: PlanReport, { definition }: Planned) {
  const backward = steps.findIndex(({ operation }) => operation === 'softmax cross-entropy')
  const forward = backward < 0 ? steps : steps.slice(0, backward)
  const writes = forward.flatMap((step) => step.writes)
  const needed = new Set(neededLayers(definition).map(({ name }) => name))
  for (const layer of definition.layers) {
    if (layer.kind !== 'concat' || !needed.has(layer.name)) continue
    expect(
      writes.filter((name) => name === layer.name),
      `slices of ${layer.name}`,
    ).toHaveLength(layer.inputs.length)
  }
}

/** The gradient of each layer's parameters comes from one step, for those that a head needs, and from none else. */
function checkGradients({ steps }: PlanReport, { definition }: Planned) {
  const sources: Partial<Record<LayerDefinition['kind'], string>> = {
    convolution: 'convolution backward weights',
    linear: 'linear backward weights',
    batchNorm: 'batch norm backward',
  }
  const needed = new Set(neededLayers(definition).map(({ name }) => name))
  for (const { layer, parameters } of trace(definition)) {
    if (parameters.length === 0) continue
    const source = sources[layer.kind]!
    const producers = steps.filter(
      ({ operation, layers }) => operation === source && layers.includes(computedWith(layer, definition)),
    )
    expect(producers, `steps with the gradients of ${layer.name}`).toHaveLength(
      needed.has(layer.name) ? 1 : 0,
    )
  }
}

/** The layer by which a step is called: a BatchNorm runs with the convolution that it alone reads. */
function computedWith(layer: LayerDefinition, { layers }: NetworkDefinition): string {
  if (layer.kind !== 'batchNorm') return layer.name
  const before = layers.find(({ name }) => name === layer.input)
  const readers = layers.flatMap(inputsOf).filter((name) => name === layer.input)
  return before?.kind === 'convolution' && readers.length === 1 ? before.name : layer.name
}
