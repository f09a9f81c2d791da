/**
 * A machine with a card, on the host (test/cuda/machine): builds it into build/machine, and says with which environment a
 * process finds it in place of the built addon. All of the CUDA backend then runs, but for the time that it takes.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './tally.mjs'

const folder = join(root, 'build/machine')

function run(program, args) {
  const { status } = spawnSync(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) throw new Error(`${program} ended with ${status}`)
}

/** @returns {NodeJS.ProcessEnv} For a process whose card is to be that one. Throws when it cannot be built. */
export function emulatedCard() {
  run('cmake', ['-S', join(root, 'test/cuda/machine'), '-B', folder, '-G', 'Ninja'])
  run('ninja', ['-C', folder])
  for (const name of ['googlenet.node', 'googlenet-addon.so'])
    copyFileSync(join(root, 'build/Release', name), join(folder, 'build/Release', name))
  return { ...process.env, GOOGLENET_PREBUILD: folder, GOOGLENET_TEST_DEVICES: 'cuda' }
}
