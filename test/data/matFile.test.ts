import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { readStructArray } from '../../lib/data/matFile.js'
import { hash } from '../../lib/data/order.js'

const fixture = (name: string) => readFile(new URL(`fixtures/meta-${name}.mat`, import.meta.url))
const fields = ['ILSVRC2012_ID', 'WNID', 'words', 'num_children']

describe.each(['plain', 'compressed'])('a MATLAB file that SciPy wrote, %s,', (kind) => {
  test('gives the fields of its structs', async () => {
    const rows = await readStructArray(await fixture(kind), 'synsets', fields)
    expect(rows.map((row) => fields.map((field) => row[field]))).toEqual([
      [3, 'n02012849', 'crane', 0],
      [1, 'n03126707', 'crane', 0],
      [4, 'n01440764', 'tench, Tinca tinca', 0],
      [2, 'n02119789', 'kit fox, Vulpes macrotis', 0],
      [5, 'n00001740', 'entity', 2],
      [6, 'n00015388', 'animal, animate being, beast, brute, creature, fauna', 3],
    ])
    const [first] = await readStructArray(await fixture(kind), 'synsets', ['wordnet_height', 'children'])
    expect(first).toEqual({ wordnet_height: 1.5, children: undefined })
  })

  test('that lacks the variable says so', async () => {
    await expect(readStructArray(await fixture(kind), 'pictures', fields)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringMatching(/no struct array named pictures/),
    })
  })

  test('cut off anywhere, or with any byte changed, is read or refused', async () => {
    const whole = await fixture(kind)
    const outcome = (bytes: Uint8Array) =>
      readStructArray(bytes, 'synsets', fields).then(
        () => undefined,
        (error) => error.code,
      )
    for (let length = 0; length < whole.length; length += 7) {
      expect(await outcome(whole.subarray(0, length))).toBe('ERR_GOOGLENET_DATA')
    }
    for (let turn = 0; turn < 400; turn++) {
      const bytes = Buffer.from(whole)
      for (let change = 0; change <= turn % 3; change++) {
        bytes[hash(turn, change) % bytes.length] = hash(turn, change, 1)
      }
      expect([undefined, 'ERR_GOOGLENET_DATA']).toContain(await outcome(bytes))
    }
  })
})
