import { expect, it } from 'vitest'
import { checkProcessor } from '../../lib/processor.js'

const haswell = 'fpu sse4_2 avx avx2 bmi1 bmi2 f16c fma abm movbe'
const cpuinfo = (flags: string) =>
  `processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: ${flags}\nbogomips\t: 1\n`

it('a processor with AVX2 is taken, and one that the system does not describe', () => {
  expect(() => checkProcessor(cpuinfo(haswell))).not.toThrow()
  expect(() => checkProcessor('')).not.toThrow()
})

it.each(['avx2', 'fma', 'f16c', 'bmi2', 'movbe'])('one without %s is refused by that name', (feature) => {
  const without = haswell.replace(new RegExp(` ${feature}(?= |$)`), '')
  expect(() => checkProcessor(cpuinfo(without))).toThrowError(
    expect.objectContaining({
      code: 'ERR_GOOGLENET_PROCESSOR',
      message: expect.stringContaining(`lacks ${feature}: `),
    }),
  )
})
