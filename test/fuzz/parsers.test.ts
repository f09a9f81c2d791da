import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

/** Mutants of each seed; more of them find more. */
const runs = Number(process.env.GOOGLENET_FUZZ_RUNS ?? 400)

/** Whole numbers below a bound, the same each time. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Values that break what counts with them. */
const hostile = [
  '\0\0\0\0',
  '\xff\xff\xff\xff',
  '\xff\xff\xff\x7f',
  '\x80\0\0\0',
  '-1',
  '9'.repeat(12),
  '{}',
  '[',
  '"',
]

/** What may happen to a file at a place. */
const changes: ((bytes: Buffer, place: number, below: (limit: number) => number) => Buffer)[] = [
  (bytes, place, below) => bytes.fill(below(256), place, place + 1),
  (bytes, place, below) => bytes.fill(bytes[place]! ^ (1 << below(8)), place, place + 1),
  (bytes, place, below) => {
    bytes.write(hostile[below(hostile.length)]!, place, 'latin1')
    return bytes
  },
  (bytes, place, below) => Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + below(64))]),
  (bytes, place, below) => Buffer.concat([bytes.subarray(0, place + below(64)), bytes.subarray(place)]),
  (bytes, place) => Buffer.concat([bytes.subarray(0, place + 1), bytes.subarray(-1)]),
]

/** Copies of a file with bytes changed, taken out, doubled and cut off. */
function* mutants(file: Uint8Array, seed: number): Generator<Buffer> {
  const below = numbers(seed)
  for (let run = 0; run < runs; run++) {
    let bytes: Buffer = Buffer.from(file)
    for (let left = below(4); left >= 0 && bytes.length > 0; left--) {
      bytes = changes[below(changes.length)]!(bytes, below(bytes.length), below)
    }
    yield bytes
  }
}

interface Target {
  /**
   * Whether the input was read, not refused.
   *
   * @throws when a reader throws what has no code, or gives what it must not.
   */
  fuzz(input: Buffer): Promise<boolean>
  seeds(): Buffer[]
}

const folder = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const names = readdirSync(folder('readers')).map((file) => file.replace('.ts', ''))
const targets = names.filter((name) => name !== 'checks')

describe.each(targets)('the fuzzer of %s finds nothing', async (name) => {
  const { fuzz, seeds }: Target = await import(`./readers/${name}.ts`)

  test('in what it has found before', async () => {
    const corpus = folder(`corpus/${name}`)
    for (const file of readdirSync(corpus)) await fuzz(readFileSync(join(corpus, file)))
  })

  test('in what bytes are changed of; some of it is read, some refused', async () => {
    const ends = new Set<boolean>()
    for (const [seed, file] of seeds().entries()) {
      expect(await fuzz(file)).toBe(true)
      for (const input of mutants(file, seed + 1)) ends.add(await fuzz(input))
    }
    expect(ends.size).toBe(2)
  })
})
