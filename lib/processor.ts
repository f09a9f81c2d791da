import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { GoogLeNetError } from './errors.js'

/** What the addon is compiled for (x86-64-v3), as Linux names it. Later instructions are chosen at run time. */
const NEEDED = ['avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe']

/** The instructions that Linux lists in /proc/cpuinfo; none where it lists none. */
export const processorFlags = (cpuinfo: string): string[] =>
  /^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/) ?? []

/**
 * Throws ERR_GOOGLENET_PROCESSOR on a processor without AVX2: it would end the process at the addon's first
 * instruction that it lacks. `cpuinfo` is what Linux says of it; where it says nothing, nothing is refused.
 */
export function checkProcessor(cpuinfo = readCpuinfo()): void {
  const flags = processorFlags(cpuinfo)
  const missing = NEEDED.filter((feature) => !flags.includes(feature))
  if (flags.length === 0 || missing.length === 0) return
  throw new GoogLeNetError(
    'ERR_GOOGLENET_PROCESSOR',
    `this processor (${cpus()[0]?.model.trim() ?? 'unknown'}) lacks ${missing.join(', ')}: googlenet needs AVX2 ` +
      '(Intel Haswell, AMD Excavator or later). In a virtual machine, let it see the processor of its host.',
  )
}

function readCpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8')
  } catch {
    return ''
  }
}
