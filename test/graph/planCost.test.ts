/** What steps cost, against counts made by hand and those of the network's summary. */
import { describe, expect, it } from 'vitest'
import type { PlanOptions, PlanReport, PlanStep, PlanView } from '../../binding.js'
import { summarize } from '../../lib/models/summary.js'
import { binding } from '../../lib/native.js'
import { checkModelOptions, defineNetwork } from '../../lib/options.js'
import { planCost, stepCost, updateCost } from '../../lib/planCost.js'

const buffers: PlanReport['buffers'] = (
  [
    ['x', 'activation'],
    ['y', 'activation'],
    ['dx', 'activation'],
    ['dy', 'activation'],
    ['sums', 'float'],
    ['places', 'byte'],
  ] as const
).map(([name, element]) => ({ name, element, count: 0, offset: 0, bytes: 0, first: 0, last: 0 }))

/** Of rows with more channels than those of the view. */
const view = (buffer: string, rows: number, channels: number): PlanView => ({
  buffer,
  rows,
  channels,
  stride: channels + 5,
  offset: 5,
  padding: 0,
})
const step = (operation: string, fields: Partial<PlanStep>): PlanStep => ({
  operation,
  layers: ['layer'],
  reads: [],
  writes: [],
  ...fields,
})
const range = (count: number) => ({ offset: 7, count })
/** Two images of 8 x 6, 3 channels, to 4 x 3, 10 channels. */
const window = {
  batch: 2,
  in: { channels: 3, height: 8, width: 6 },
  out: { channels: 10, height: 4, width: 3 },
  kernel: 5,
  stride: 2,
  padding: 2,
}
const weight = range(10 * 3 * 25)
const products = 2 * (2 * 4 * 3) * 10 * 3 * 25

describe('stepCost', () => {
  it.each([
    [
      'a convolution with statistics',
      step('convolution', {
        window,
        weight,
        bias: range(10),
        input: view('x', 96, 3),
        output: view('y', 24, 10),
        statistics: view('sums', 2, 10),
      }),
      products,
      { fp32: 4 * (96 * 3 + 24 * 10 + 20 + 750 + 10), bf16: 2 * (96 * 3 + 24 * 10 + 750) + 4 * (20 + 10) },
    ],
    [
      'a gradient that is added to another',
      step('convolution backward data', {
        window,
        weight,
        accumulate: true,
        outputGradient: view('dy', 24, 10),
        inputGradient: view('dx', 96, 3),
      }),
      products,
      { fp32: 4 * (24 * 10 + 2 * 96 * 3 + 750), bf16: 2 * (24 * 10 + 2 * 96 * 3 + 750) },
    ],
    [
      "the weights' gradient, which is fp32",
      step('convolution backward weights', {
        window,
        weight,
        bias: range(10),
        input: view('x', 96, 3),
        outputGradient: view('dy', 24, 10),
      }),
      products,
      { fp32: 4 * (96 * 3 + 24 * 10 + 760), bf16: 2 * (96 * 3 + 24 * 10) + 4 * 760 },
    ],
    [
      'a max pool with the places of its maxima',
      step('max pool', {
        window,
        input: view('x', 96, 3),
        output: view('y', 24, 3),
        argmax: view('places', 24, 3),
      }),
      0,
      { fp32: 4 * 120 * 3 + 72, bf16: 2 * 120 * 3 + 72 },
    ],
    [
      'images of bytes',
      step('input', { batch: 2, shape: window.in, output: view('x', 96, 3) }),
      0,
      { fp32: 5 * 96 * 3, bf16: 3 * 96 * 3 },
    ],
    [
      'logits, which are fp32',
      step('linear', {
        weight: range(60),
        input: view('x', 2, 12),
        output: view('sums', 2, 5),
        isHead: true,
      }),
      2 * 2 * 12 * 5,
      { fp32: 4 * (24 + 10 + 60), bf16: 2 * (24 + 60) + 40 },
    ],
  ] as const)('%s', (_, step, flops, bytes) => {
    for (const precision of ['fp32', 'bf16'] as const) {
      expect(stepCost(step, { buffers }, precision)).toEqual({ flops, bytes: bytes[precision] })
    }
  })
})

describe('the costs of a plan', () => {
  const model = checkModelOptions({ classes: 7, imageSize: 96 })
  const { macs, inference, parameters } = summarize(model)
  const planned = (options: Partial<PlanOptions>): PlanReport =>
    binding.plan(defineNetwork(model), {
      device: 'cpu',
      precision: 'fp32',
      batch: 3,
      mode: 'eval',
      mainHeadOnly: false,
      ...options,
    })

  it.each(['cpu', 'cuda'] as const)("have the summary's multiply-adds on %s", (device) => {
    expect(planCost(planned({ device }), 'fp32').flops).toBe(2 * 3 * macs)
    expect(planCost(planned({ device, mainHeadOnly: true }), 'fp32').flops).toBe(2 * 3 * inference.macs)
  })

  it('have them thrice in training, but for the gradient of the images, which nobody needs', () => {
    const plan = planned({ mode: 'train' })
    const first = stepCost(plan.steps.find(({ operation }) => operation === 'convolution')!, plan, 'fp32')
    expect(planCost(plan, 'fp32').flops).toBe(3 * 2 * 3 * macs - first.flops)
  })

  it('have fewer bytes in half the precision, and those of all parameters in an update', () => {
    const plan = planned({ mode: 'train' })
    expect(planCost(plan, 'bf16').bytes).toBeLessThan(0.6 * planCost(plan, 'fp32').bytes)
    expect(updateCost(plan)).toEqual({ flops: 0, bytes: 20 * parameters })
  })
})
