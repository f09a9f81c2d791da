import { describe, expect, test } from 'vitest'
import type { SampleSource } from '../../lib/data/source.js'
import { splitByClass } from '../../lib/data/split.js'

function sourceOf(files: Readonly<Record<string, readonly string[]>>): SampleSource {
  const classes = Object.keys(files)
  const samples = classes.flatMap((name, label) =>
    files[name]!.map((file) => ({ source: file, label, name: `${name}/${file}` })),
  )
  return { classes, length: samples.length, sample: (index) => samples[index]! }
}

const numbered = (count: number) => Array.from({ length: count }, (_, i) => `${i}.jpg`)
const namesOf = (source: SampleSource) =>
  Array.from({ length: source.length }, (_, i) => source.sample(i).name)
const countsOf = (source: SampleSource) => {
  const counts = source.classes.map(() => 0)
  for (let i = 0; i < source.length; i++) counts[source.sample(i).label]!++
  return counts
}

describe('a split by class', () => {
  const source = sourceOf({ a: numbered(100), b: numbered(10), c: numbered(3), d: numbered(1), e: [] })

  test('takes the same share of each class, of a small one at least one sample and never all', async () => {
    const { train, validation } = await splitByClass(source, 0.2, 1)
    expect(countsOf(validation)).toEqual([20, 2, 1, 0, 0])
    expect(countsOf(train)).toEqual([80, 8, 2, 1, 0])
    expect(countsOf((await splitByClass(source, 0.99, 1)).train)).toEqual([1, 1, 1, 1, 0])
  })

  test('parts all samples, each into one part, in their order', async () => {
    const { train, validation } = await splitByClass(source, 0.3, 4)
    const all = namesOf(source)
    expect([...namesOf(train), ...namesOf(validation)].sort()).toEqual([...all].sort())
    for (const part of [train, validation]) {
      const places = namesOf(part).map((name) => all.indexOf(name))
      expect(places).toEqual([...places].sort((one, other) => one - other))
    }
  })

  test('is the same for the same files, another for another seed', async () => {
    const chosen = namesOf((await splitByClass(source, 0.2, 1)).validation)
    expect(namesOf((await splitByClass(source, 0.2, 1)).validation)).toEqual(chosen)
    expect(namesOf((await splitByClass(source, 0.2, 2)).validation)).not.toEqual(chosen)
  })

  test('is random within a class', async () => {
    const { validation } = await splitByClass(sourceOf({ a: numbered(4000), b: numbered(2) }), 0.5, 3)
    const firstHalf = namesOf(validation).filter((name) => Number.parseInt(name.slice(2), 10) < 2000)
    expect(Math.abs(firstHalf.length - 1000)).toBeLessThan(120)
  })

  test('moves few files when others come', async () => {
    const before = namesOf((await splitByClass(sourceOf({ a: numbered(200) }), 0.2, 1)).validation)
    const more = sourceOf({ a: [...numbered(200), 'new1.jpg', 'new2.jpg'], b: numbered(50) })
    const after = new Set(namesOf((await splitByClass(more, 0.2, 1)).validation))
    expect(before.filter((name) => !after.has(name)).length).toBeLessThanOrEqual(2)
  })
})
