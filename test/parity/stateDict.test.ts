/** A file as PyTorch writes it, byte for byte. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { GoogLeNet } from '../../lib/index.js'
import { expectClose } from '../conformance/compare.js'
import { fixtures, folder, readHeader } from './fixture.js'
import { parameter } from './formula.js'
import { batchOf } from './network.js'

const { case: name, sha256 } = JSON.parse(readFileSync(join(folder, 'state-dict.json'), 'utf8')) as {
  case: string
  sha256: string
}
const fixture = fixtures.find((each) => each.name === name)!

/** The head is PyTorch's; the values come from the formula. */
function stateDictFile(): Buffer {
  const head = readFileSync(join(folder, 'state-dict.head'))
  const tensors = Object.entries(readHeader(head).tensors).map(([tensor, { dtype, shape }]) =>
    dtype === 'I64' ? new BigInt64Array(1) : parameter(tensor, shape),
  )
  return Buffer.concat([head, ...tensors.map(({ buffer }) => new Uint8Array(buffer))])
}

let scratch = ''
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'googlenet-parity-'))
})
afterAll(() => rmSync(scratch, { recursive: true }))

it("loads PyTorch's state dict and computes the same logits", async () => {
  const file = stateDictFile()
  expect(createHash('sha256').update(file).digest('hex')).toBe(sha256)
  const path = join(scratch, 'pytorch.safetensors')
  writeFileSync(path, file)

  const { imageSize, classes, reduction4d } = fixture
  const net = await GoogLeNet.create({ imageSize, classes, reduction4d, device: 'cpu' })
  expect(await net.load(path)).toEqual({ missing: [], unexpected: [] })
  const { logits } = await net.forward(batchOf(fixture, 0).images)
  expectClose(logits.data, fixture.tensor('eval.logits'), 1e-5, 'the logits')
  net.dispose()
})
