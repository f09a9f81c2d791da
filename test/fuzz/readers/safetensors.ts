import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readSafetensors } from '../../../lib/weights/safetensors.js'
import { check, readOrRefused } from './checks.js'

const path = join(tmpdir(), `googlenet-fuzzed-${process.pid}.safetensors`)

/** Any bytes as a file of weights. */
export async function fuzz(input: Buffer): Promise<boolean> {
  writeFileSync(path, input)
  const file = await readOrRefused(() => readSafetensors(path))
  for (const { shape, data } of file?.tensors.values() ?? []) {
    check(data.length === shape.reduce((product, side) => product * side, 1), 'a tensor has its elements')
  }
  return file !== undefined
}

function file(header: object, bytes: number): Buffer {
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, Buffer.alloc(bytes, 1)])
}

export function seeds(): Buffer[] {
  const tensor = (dtype: string, shape: number[], begin: number, end: number) => ({
    dtype,
    shape,
    data_offsets: [begin, end],
  })
  return [
    file(
      { __metadata__: { googlenet: '{}' }, a: tensor('F32', [2, 3], 0, 24), b: tensor('I64', [], 24, 32) },
      32,
    ),
    file({ a: tensor('F16', [2], 0, 4), b: tensor('BF16', [1], 4, 6), c: tensor('F64', [0], 6, 6) }, 6),
  ]
}
