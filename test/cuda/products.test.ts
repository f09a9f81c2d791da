/** What cuBLASLt is asked for, from the plan alone: no card and no library is needed. */
import { describe, expect, it } from 'vitest'
import type { PlanView, Precision } from '../../binding.js'
import { variantNames, variants } from '../../lib/models/variants.js'
import { binding } from '../../lib/native.js'

const precisions: [Precision, number][] = [
  ['fp32', 4],
  ['bf16', 2],
  ['fp16', 2],
]

describe.each(precisions)('products in %s', (precision, size) => {
  it.each([1, 10, 37, 1000])('of %i classes have rows of whole 16 bytes, and all of them', (classes) => {
    for (const variant of variantNames) {
      const { define, defaults } = variants[variant]
      const definition = define({ classes, channels: 3, imageSize: 96, aux: true, ...defaults })
      const options = { device: 'cuda', precision, batch: 3, mainHeadOnly: false } as const
      const { steps, buffers } = binding.plan(definition, { ...options, mode: 'train' })
      const placed = new Map(buffers.map((buffer) => [buffer.name, buffer]))
      const linear = steps.filter(({ operation }) => operation.startsWith('linear'))
      expect(linear).toHaveLength(15)
      for (const { input, output, inputGradient, outputGradient } of linear) {
        for (const view of [input, output, inputGradient, outputGradient]) {
          if (view) expect(misaligned(view), `${variant}: ${view.buffer}`).toEqual([])
        }
      }
      /** Logits are floats; the padding belongs to the product, which writes it. */
      function misaligned({ buffer, channels, padding, stride, offset }: PlanView): string[] {
        const { element, offset: place } = placed.get(buffer)!
        const bytes = element === 'float' ? 4 : size
        return [
          (stride * bytes) % 16 === 0 ? '' : `rows of ${stride}`,
          (place + offset * bytes) % 16 === 0 ? '' : `begins at ${place} and ${offset}`,
          channels + padding === stride ? '' : `${channels} channels and ${padding} of ${stride}`,
        ].filter(Boolean)
      }
    }
  })
})
