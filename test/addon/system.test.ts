import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { expect, it } from 'vitest'
import { binding } from '../../lib/native.js'

it('system() says what the machine and the libraries are', () => {
  const { cpu, onednn, jpeg } = binding.system()
  const cpuinfo = readFileSync('/proc/cpuinfo', 'utf8')
  const flags = new Set(/^flags\s*: (.*)$/m.exec(cpuinfo)?.[1]?.split(' '))
  expect(cpuinfo).toContain(cpu.model)
  expect(cpu.cores).toBe(availableParallelism())
  expect(cpu.features).toEqual(expect.arrayContaining(['avx2', 'fma']))
  for (const feature of cpu.features) expect(flags).toContain(feature)
  expect(cpu.bf16).toBe(flags.has('avx512_bf16') || flags.has('amx_bf16'))
  expect(onednn.version).toMatch(/^\d+\.\d+\.\d+/)
  expect(onednn.runtime).not.toBe('')
  expect(onednn.isa).not.toBe('')
  expect(jpeg.version).toMatch(/^\d+\.\d+/)
})
