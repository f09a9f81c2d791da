/** The devices and precisions that the tables run on. */
import type { Precision } from '../../binding.js'
import { binding } from '../../lib/native.js'
import { conv, linear } from './layers.js'
import { type Rounding, toBf16, toEitherBf16 } from './rounding.js'

export interface Target {
  name: string
  device: string
  precision: Precision
  tolerance: { forward: number; gradient: number }
  /**
   * Ways in which storing may round, none where that is below the tolerances. Rounding decides a ReLU or a max pool
   * near its kink, so that no two backends in bf16 have quite the same gradients: one may be as far from the exact
   * ones as these go.
   */
  roundings: readonly Rounding[]
  /** Why this machine cannot run it. */
  missing: string | undefined
}

const devices = (process.env.GOOGLENET_TEST_DEVICES ?? 'cpu,cuda').split(',')

const precisions: readonly Pick<Target, 'precision' | 'tolerance' | 'roundings'>[] = [
  { precision: 'fp32', tolerance: { forward: 1e-5, gradient: 1e-4 }, roundings: [] },
  {
    precision: 'bf16',
    tolerance: { forward: 2e-2, gradient: 2e-2 },
    roundings: [toBf16, toEitherBf16('1'), toEitherBf16('2')],
  },
]

async function reasonMissing(device: string, precision: Precision): Promise<string | undefined> {
  const smallest = {
    input: { channels: 1, height: 1, width: 1, mean: [0], std: [1] },
    layers: [conv('a', 'input', 1), linear('b', 'a', 2)],
    heads: [{ layer: 'b', lossWeight: 1 }],
  }
  try {
    const network = await binding.Network.create(smallest, { device, precision, seed: 0, threads: 0 })
    network.dispose()
    return undefined
  } catch (error) {
    const { code, message } = error as Error & { code?: string }
    if (code === 'ERR_GOOGLENET_DEVICE' || code === 'ERR_GOOGLENET_PRECISION') return message
    throw error
  }
}

export const targets: readonly Target[] = await Promise.all(
  devices.flatMap((device) =>
    precisions.map(async (row) => ({
      ...row,
      name: `${device} ${row.precision}`,
      device,
      missing: await reasonMissing(device, row.precision),
    })),
  ),
)
