import { GoogLeNet } from '../network.js'
import type { RunOptions } from '../options.js'

/** Networks that are open, the first one being there. */
export interface OpenNetworks {
  nets: readonly [GoogLeNet, ...GoogLeNet[]]
  [Symbol.dispose](): void
}

/** Opens each of the models, or none when one of them can't be opened. */
export async function openNetworks(
  [first, ...others]: readonly [string, ...string[]],
  options: RunOptions,
): Promise<OpenNetworks> {
  const nets: [GoogLeNet, ...GoogLeNet[]] = [await GoogLeNet.open(first, options)]
  const dispose = () => {
    for (const net of nets) net.dispose()
  }
  try {
    for (const path of others) nets.push(await GoogLeNet.open(path, options))
    return { nets, [Symbol.dispose]: dispose }
  } catch (error) {
    dispose()
    throw error
  }
}
