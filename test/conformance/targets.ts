/** The devices and precisions that the tables run on. */
import type { Precision } from '../../binding.js'
import { binding } from '../../lib/native.js'
import { conv, linear } from './layers.js'
import { type Rounding, toEither, toNearest } from './rounding.js'

export interface Target {
  name: string
  device: 'cpu' | 'cuda'
  precision: Precision
  tolerance: { forward: number; gradient: number }
  /**
   * Ways in which storing may round, each begun anew for a case, none where that is below the tolerances. Rounding decides a ReLU or a max pool
   * near its kink, so that no two backends in bf16 have quite the same gradients: one may be as far from the exact
   * ones as these go.
   */
  roundings: readonly (() => Rounding)[]
  /** Why this machine cannot run it. */
  missing: string | undefined
}

const devices = (process.env.GOOGLENET_TEST_DEVICES ?? 'cpu,cuda').split(',') as Target['device'][]

const exact = { tolerance: { forward: 1e-5, gradient: 1e-4 }, roundings: [] }
const rounded = (type: 'bf16' | 'fp16') => ({
  tolerance: { forward: 2e-2, gradient: 2e-2 },
  roundings: [() => toNearest(type), ...['1', '2', '3', '4'].map((name) => () => toEither(type, name))],
})

const precisions: readonly (Pick<Target, 'precision' | 'tolerance' | 'roundings'> & { on: string[] })[] = [
  { precision: 'fp32', on: ['cpu', 'cuda'], ...exact },
  { precision: 'bf16', on: ['cpu', 'cuda'], ...rounded('bf16') },
  { precision: 'fp16', on: ['cuda'], ...rounded('fp16') },
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

async function targetsOf(device: Target['device']): Promise<Target[]> {
  const rows = precisions.filter(({ on }) => on.includes(device))
  return Promise.all(
    rows.map(async (row) => ({
      ...row,
      name: `${device} ${row.precision}`,
      device,
      missing: await reasonMissing(device, row.precision),
    })),
  )
}

export const targets: readonly Target[] = (await Promise.all(devices.map(targetsOf))).flat()

/** The precisions on a card, whatever devices are asked for. */
export const cardTargets: readonly Target[] = await targetsOf('cuda')
