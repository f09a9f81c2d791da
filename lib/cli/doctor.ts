import type { Command } from 'commander'
import type { CudaReport } from '../../binding.js'
import { bytes } from '../report/format.js'
import { inspectMachine, isForPictures, type MachineReport } from './machine.js'
import { paint, print, printJson } from './output.js'

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description(
      'Says what this machine has for training and running networks, and how to get what is missing.',
    )
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
The exit code is 0 when networks can run here, on the CPU at least, and 1 when they cannot.

Examples:
  googlenet doctor
  googlenet doctor --json`,
    )
    .action(doctor)
}

async function doctor(flags: { json?: boolean }): Promise<void> {
  const machine = await inspectMachine()
  if (flags.json) printJson(machine)
  else printReport(machine)
  if (!machine.addon.loaded) process.exitCode = 1
}

function printReport({ package: self, cpu, memory, addon, gpu, missing }: MachineReport): void {
  const good = paint('green', '✓')
  const bad = paint('red', '✗')
  const none = paint('dim', '–')
  const line = (mark: string, name: string, text: string) => print(`  ${mark} ${name.padEnd(14)} ${text}`)

  print(paint('bold', 'googlenet'))
  line(good, 'version', `${self.version} in ${self.path}`)
  line(good, 'Node.js', `${self.node} (${self.system})`)
  if (addon.loaded) line(good, 'native addon', 'loaded')
  else line(bad, 'native addon', addon.reason)
  print()

  print(paint('bold', 'CPU'))
  line(good, 'processor', `${cpu.model}, ${cpu.cores} cores to use`)
  line(good, 'features', cpu.features.join(' '))
  line(good, 'memory', `${bytes(memory.total)}, ${bytes(memory.free)} free`)
  if (addon.loaded) {
    const { onednn, jpeg } = addon
    line(good, 'oneDNN', `${onednn.version} (${onednn.runtime}), kernels for ${onednn.isa}`)
    line(good, 'libjpeg-turbo', jpeg.version)
    const bf16 = addon.cpu.bf16 ? 'precision bf16 is fast here' : 'not in this CPU; use precision fp32'
    line(addon.cpu.bf16 ? good : none, 'bf16', bf16)
  }
  print()

  print(paint('bold', 'NVIDIA GPU'))
  if (gpu.devices.length === 0) line(none, 'device', 'none (no /dev/nvidia0); networks run on the CPU')
  else line(good, 'device', gpu.devices.join(' '))
  if (gpu.driver) line(good, 'driver', gpu.driver)
  if (addon.loaded) {
    const { module, problem, driver, libraries, cards } = addon.cuda
    const wanted = gpu.devices.length > 0 || cards.length > 0
    const mark = (found: boolean) => (found ? good : wanted ? bad : none)
    if (driver) line(good, 'CUDA', `${driver} is the newest that the driver supports`)
    for (const { name, version, path, lookedIn } of libraries) {
      const found = path !== ''
      const text = found ? `${version} in ${path}`.trim() : `${name} not found in ${lookedIn.join(', ')}`
      const sign = !found && isForPictures(name) ? none : mark(found)
      if (found || wanted) line(sign, name.replace(/\.so.*/, ''), text)
    }
    for (const [number, card] of cards.entries()) line(good, `cuda:${number}`, describeCard(card))
    line(mark(problem === ''), 'module', problem || module)
  }

  if (missing.length === 0) return
  print()
  print(paint('bold', 'Missing'))
  for (const { what, neededFor, command } of missing) {
    print(`  ${what}, needed for ${neededFor}:`)
    print(`      ${paint('cyan', command)}`)
  }
}

function describeCard({ name, capability, memory, free, processors }: CudaReport['cards'][number]): string {
  const size = `${bytes(memory)}, ${bytes(free)} free`
  return `${name}, compute capability ${capability}, ${processors} multiprocessors, ${size}`
}
