/** The rules are able to fail: each of these faults, put into a good plan, is seen by one of them. */
import { expect, it } from 'vitest'
import type { PlanReport, PlanStep } from '../../binding.js'
import { naiveInception } from '../../lib/models/blocks.js'
import { seed as seedVariant } from '../../lib/models/seed.js'
import { binding } from '../../lib/native.js'
import { checkModelOptions } from '../../lib/options.js'
import { check, seed } from './rules.js'

const networks = {
  seed: seed({ imageSize: 64, classes: 10 }),
  naive: seedVariant(checkModelOptions({ imageSize: 64 }), naiveInception),
}

/** Changes the first step of that kind that is `such`. */
const step =
  (operation: string, change: (step: PlanStep) => unknown, such: (step: PlanStep) => unknown = () => true) =>
  ({ steps }: PlanReport) =>
    change(steps.find((one) => one.operation === operation && such(one))!)

const leaveOut = (operation: string) => (plan: PlanReport) =>
  plan.steps.splice(
    plan.steps.findIndex((one) => one.operation === operation),
    1,
  )
const buffer = (plan: PlanReport, name: string) => plan.buffers.find((one) => one.name === name)!

const faults: readonly {
  fault: string
  seen: RegExp
  mode: 'eval' | 'train'
  network?: keyof typeof networks
  spoil(plan: PlanReport): unknown
}[] = [
  { fault: 'a step left out', seen: /before it is written/, mode: 'train', spoil: leaveOut('max pool') },
  {
    fault: 'a gradient left out',
    seen: /the gradients/,
    mode: 'train',
    spoil: leaveOut('convolution backward weights'),
  },
  {
    fault: 'a step made twice',
    seen: /writes .* again/,
    mode: 'train',
    spoil: ({ steps }) => steps.splice(3, 0, steps[3]!),
  },
  {
    fault: 'steps exchanged',
    seen: /before it is written/,
    mode: 'eval',
    spoil: ({ steps }) => steps.push(...steps.splice(4, 1)),
  },
  {
    fault: 'a slice written elsewhere',
    seen: /writes .* again/,
    mode: 'eval',
    spoil: step(
      'convolution',
      ({ output }) => (output!.offset -= 8),
      ({ output }) => output!.offset > 0,
    ),
  },
  {
    fault: 'another slice read',
    seen: /what .* holds/,
    mode: 'eval',
    spoil: step(
      'convolution',
      ({ input }) => (input!.offset -= 8),
      ({ input }) => input!.offset > 0,
    ),
  },
  {
    fault: 'a gradient overwritten',
    seen: /writes .* again/,
    mode: 'train',
    network: 'naive',
    spoil: step(
      'convolution backward data',
      (one) => (one.accumulate = false),
      (one) => one.accumulate,
    ),
  },
  {
    fault: 'a gradient added to nothing',
    seen: /no gradient|the buffers read/,
    mode: 'train',
    spoil: step(
      'convolution backward data',
      (one) => (one.accumulate = true),
      (one) => !one.accumulate,
    ),
  },
  {
    fault: 'padding that is not its own',
    seen: /padding in the midst/,
    mode: 'eval',
    spoil: step(
      'convolution',
      ({ output }) => (output!.padding = 8),
      ({ output }) => output!.stride > 300,
    ),
  },
  {
    fault: 'padding that nobody clears',
    seen: /between multiples/,
    mode: 'eval',
    spoil: step(
      'convolution',
      ({ output }) => (output!.padding = 0),
      ({ output }) => output!.padding > 0,
    ),
  },
  {
    fault: 'a view beyond its buffer',
    seen: /not within/,
    mode: 'train',
    spoil: step('max pool', ({ input }) => (input!.channels += 8)),
  },
  {
    fault: 'rows that are too long',
    seen: /the elements of/,
    mode: 'train',
    spoil: step('max pool', ({ input }) => (input!.stride += 8)),
  },
  {
    fault: 'other weights',
    seen: /the range of each weight/,
    mode: 'eval',
    spoil: step('convolution', ({ weight }) => (weight!.offset += 16)),
  },
  {
    fault: 'another fold',
    seen: /running_mean/,
    mode: 'eval',
    spoil: step('convolution', ({ fold }) => (fold!.mean.offset += 16)),
  },
  {
    fault: 'other statistics',
    seen: /the buffers read|what .* holds/,
    mode: 'train',
    spoil: step('batch norm', (one) => (one.statistics = one.saved!)),
  },
  {
    fault: 'a ReLU forgotten',
    seen: /before it is written|what .* holds/,
    mode: 'eval',
    spoil: step('convolution', (one) => (one.relu = false)),
  },
  {
    fault: 'a pool of another size',
    seen: /the window of/,
    mode: 'train',
    spoil: step('batch norm and max pool', ({ window }) => window!.kernel++),
  },
  {
    fault: 'a pool forgotten in the backward pass',
    seen: /the buffers read|what .* holds/,
    mode: 'train',
    spoil: step(
      'batch norm and max pool backward',
      (one) => (one.outputGradients = [{ ...one.inputGradient! }]),
    ),
  },
  {
    fault: 'a buffer not said to be read',
    seen: /the buffers read/,
    mode: 'train',
    spoil: step('max pool backward', ({ reads }) => reads.pop()),
  },
  {
    fault: 'buffers that share bytes',
    seen: /share bytes/,
    mode: 'eval',
    spoil: (plan) => {
      const { input, output } = plan.steps[1]!
      buffer(plan, input!.buffer).offset = buffer(plan, output!.buffer).offset
    },
  },
  {
    fault: 'a buffer between lines',
    seen: /the place of/,
    mode: 'train',
    spoil: ({ buffers }) => (buffers[1]!.offset += 64),
  },
  {
    fault: 'a life cut short',
    seen: /the life of/,
    mode: 'train',
    spoil: ({ buffers }) => (buffers[2]!.last -= 1),
  },
]

it.each(faults)('$fault', ({ seen, mode, network = 'seed', spoil }) => {
  const options = { device: 'cuda', precision: 'fp16', batch: 2, mode, mainHeadOnly: false } as const
  const plan = binding.plan(networks[network], options)
  check(plan, networks[network], options, 8)
  spoil(plan)
  expect(() => check(plan, networks[network], options, 8)).toThrow(seen)
})
