/** The files that make.py leaves: what PyTorch computes for the networks. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Variant } from '../../lib/index.js'

export const folder = fileURLToPath(new URL('fixtures', import.meta.url))

export interface Fixture {
  name: string
  variant: Variant
  batch: number
  imageSize: number
  classes: number
  reduction4d: number
  aux: boolean
  /** What the formula's images are multiplied by. */
  scale: number
  /** Whether the losses of ten steps of SGD are there. */
  steps: boolean
  sgd: { lr: number; momentum: number; weight_decay: number }
  /** Moves the first step's images off the network's kinks. */
  tweak: number[]
  /**
   * Of the parameters with gradients, and of the running statistics, in the order of norms and sketches: under the
   * names of the variant's source.
   */
  names: { gradient: string[]; running: string[] }
  tensor(name: string): Float64Array
}

interface Entry {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

/** What a safetensors file says of its tensors, and where their data begin. */
export function readHeader(bytes: Buffer) {
  const start = 8 + Number(bytes.readBigUInt64LE(0))
  const { __metadata__, ...tensors } = JSON.parse(bytes.toString('utf8', 8, start))
  return {
    tensors: tensors as Record<string, Entry>,
    metadata: __metadata__ as Record<string, string>,
    start,
  }
}

function readFixture(path: string): Fixture {
  const bytes = readFileSync(path)
  const { tensors, metadata, start } = readHeader(bytes)
  return {
    variant: 'seed',
    scale: 1,
    ...(JSON.parse(metadata.fixture!) as Omit<Fixture, 'tensor' | 'variant' | 'scale'>),
    tensor(name) {
      const entry = tensors[name]
      if (!entry) throw new Error(`${path} has no ${name}`)
      const [from, to] = entry.data_offsets
      const data = bytes.buffer.slice(
        bytes.byteOffset + start + from,
        bytes.byteOffset + start + to,
      ) as ArrayBuffer
      return entry.dtype === 'F64' ? new Float64Array(data) : Float64Array.from(new Float32Array(data))
    },
  }
}

const wanted = process.env.GOOGLENET_TEST_FIXTURES?.split(',')

/** All of them, or those that GOOGLENET_TEST_FIXTURES names. */
export const fixtures: Fixture[] = readdirSync(folder)
  .filter((name) => name.endsWith('.safetensors') && (wanted?.includes(name.split('.')[0]!) ?? true))
  .sort()
  .map((name) => readFixture(`${folder}/${name}`))
