import { readFileSync } from 'node:fs'
import { deflateSync, inflateSync } from 'node:zlib'
import { readStructArray } from '../../../lib/data/matFile.js'
import { check, parted, readOrRefused, withChoice } from './checks.js'

const fields = ['ILSVRC2012_ID', 'WNID', 'words', 'num_children']
const header = Buffer.alloc(128)
header.write('IM', 126, 'latin1')

/** Any bytes as a MATLAB file, or as the variables of one, compressed or not. */
export async function fuzz(input: Buffer): Promise<boolean> {
  const { bytes, choice } = parted(input)
  const variables = choice & 2 ? compressed(bytes) : bytes
  const file = choice & 1 ? Buffer.concat([header, variables]) : variables
  const rows = await readOrRefused(() => readStructArray(file, 'synsets', fields))
  for (const row of rows ?? []) {
    for (const [name, value] of Object.entries(row)) {
      check(fields.includes(name), 'what was asked for is given')
      check(['string', 'number', 'undefined'].includes(typeof value), 'values are texts or numbers')
    }
  }
  return rows !== undefined
}

function compressed(bytes: Buffer): Buffer {
  const content = deflateSync(bytes)
  const tag = Buffer.alloc(8)
  tag.writeUInt32LE(15)
  tag.writeUInt32LE(content.length, 4)
  return Buffer.concat([tag, content])
}

/** The variables of a compressed file that hold the struct. */
function inflated(file: Buffer): Buffer[] {
  const variables: Buffer[] = []
  for (let at = 128; at < file.length; at += 8 + file.readUInt32LE(at + 4)) {
    variables.push(inflateSync(file.subarray(at + 8, at + 8 + file.readUInt32LE(at + 4))))
  }
  return variables.filter((variable) => variable.includes('synsets'))
}

export function seeds(): Buffer[] {
  const fixture = (name: string) => readFileSync(`test/data/fixtures/${name}`)
  const [plain, packed] = [fixture('meta-plain.mat'), fixture('meta-compressed.mat')]
  return [
    withChoice(plain, 0),
    withChoice(packed, 0),
    withChoice(plain.subarray(128), 1),
    ...inflated(packed).map((variable) => withChoice(variable, 3)),
  ]
}
