/** With PyTorch itself, for developers: GOOGLENET_TEST_PYTHON names a Python that has torch. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { GoogLeNet } from '../../lib/index.js'
import { expectClose } from '../conformance/compare.js'
import { images, labels } from './formula.js'

const python = process.env.GOOGLENET_TEST_PYTHON
const script = fileURLToPath(new URL('check_saved.py', import.meta.url))

it.skipIf(!python).each([
  { variant: 'seed', names: 'own' },
  { variant: 'torchvision', names: 'source' },
] as const)(
  'PyTorch loads a saved $variant strictly and computes the same logits',
  async ({ variant, names }) => {
    const scratch = mkdtempSync(join(tmpdir(), 'googlenet-parity-'))
    try {
      const net = await GoogLeNet.create({
        variant,
        imageSize: 96,
        classes: ['cat', 'dog', 'owl'],
        device: 'cpu',
        seed: 3,
      })
      const shape = [2, 3, 96, 96] as const
      const data = images('saved', shape)
      await net.trainStep({ data, shape }, labels('saved', 2, 3), { learningRate: 0.01 })
      const path = join(scratch, 'saved.safetensors')
      await net.save(path, { names })
      const printed = execFileSync(python!, [script, path, 'saved', ...shape.map(String)], {
        encoding: 'utf8',
      })
      const found = JSON.parse(printed) as { batches: number; logits: number[] }
      expect(found.batches).toBe(1)
      expectClose((await net.forward({ data, shape })).logits.data, found.logits, 1e-5, 'the logits')
      net.dispose()
    } finally {
      rmSync(scratch, { recursive: true })
    }
  },
)
