import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { ImageFolder } from '../../lib/data/imageFolder.js'
import type { SampleSource } from '../../lib/data/source.js'
import { place, temporaryFolder } from './pictures.js'

const root = await temporaryFolder()
let folder = ''
let count = 0
beforeEach(async () => {
  folder = join(root, String(count++))
  await mkdir(folder)
})

const namesOf = (source: SampleSource) =>
  Array.from({ length: source.length }, (_, i) => source.sample(i).name)
const labelsOf = (source: SampleSource) =>
  Array.from({ length: source.length }, (_, i) => source.sample(i).label)
const empty = (names: readonly string[]) => place(folder, names, '')

describe('class folders', () => {
  test("give classes and samples in the order of Python's sorted", async () => {
    const names = ['b', 'a', 'B', 'é', 'Z', '_', '10', '9', 'a b', 'ab', 'ä', 'zebra', 'n02', 'n01']
    await empty(names.flatMap((name) => [`${name}/2.jpg`, `${name}/10.jpg`]))
    const data = await ImageFolder.open(folder)
    const sorted = ['10', '9', 'B', 'Z', '_', 'a', 'a b', 'ab', 'b', 'n01', 'n02', 'zebra', 'ä', 'é']
    expect(data.classes).toEqual(sorted)
    expect(namesOf(data.train)).toEqual(sorted.flatMap((name) => [`${name}/10.jpg`, `${name}/2.jpg`]))
    expect(labelsOf(data.train)).toEqual(sorted.flatMap((_, label) => [label, label]))
    expect(data.train.sample(3).source).toBe(join(folder, '9/2.jpg'))
    expect(data.validation.length).toBe(0)
    expect(data.validation.classes).toEqual(sorted)
  })

  test('hold JPEG and PNG files of any spelling, subfolders too, and nothing hidden', async () => {
    await empty(['a/1.jpg', 'a/2.JPEG', 'a/3.Png', 'a/4.jpe', 'a/deep/er/5.jpeg', 'b/.hidden.jpg', 'b/6.png'])
    await empty(['a/notes.txt', 'a/x.jpg.part', 'b/.cache/7.jpg', '.git/8.jpg', 'README.md', 'loose.png'])
    const { train, classes } = await ImageFolder.open(folder)
    expect(classes).toEqual(['a', 'b'])
    expect(namesOf(train)).toEqual([
      'a/1.jpg',
      'a/2.JPEG',
      'a/3.Png',
      'a/4.jpe',
      'a/deep/er/5.jpeg',
      'b/6.png',
    ])
  })

  test('may be links, which are followed but never in a circle', async () => {
    await empty(['a/1.jpg', 'elsewhere/2.jpg', 'elsewhere/more/3.jpg'])
    await mkdir(join(folder, 'data'))
    await symlink('../a', join(folder, 'data/a'))
    await symlink('../elsewhere', join(folder, 'data/b'))
    await symlink('..', join(folder, 'elsewhere/more/up'))
    await symlink('../../data', join(folder, 'elsewhere/more/root'))
    await symlink('../../a/1.jpg', join(folder, 'elsewhere/more/linked.jpg'))
    const { train } = await ImageFolder.open(join(folder, 'data'))
    expect(namesOf(train)).toEqual(['a/1.jpg', 'b/2.jpg', 'b/more/3.jpg', 'b/more/linked.jpg'])
  })

  test('count a link that leads nowhere, so that it is reported when it is read', async () => {
    await empty(['a/1.jpg', 'b/2.jpg'])
    await symlink('gone.jpg', join(folder, 'b/3.jpg'))
    expect(namesOf((await ImageFolder.open(folder)).train)).toEqual(['a/1.jpg', 'b/2.jpg', 'b/3.jpg'])
  })

  test('are split by class and seed', async () => {
    const files = ['a', 'b'].flatMap((name) => Array.from({ length: 20 }, (_, i) => `${name}/${i}.jpg`))
    await empty(files)
    const open = (seed: number) => ImageFolder.open(folder, { split: { validation: 0.25 }, seed })
    const data = await open(1)
    expect([data.train.length, data.validation.length]).toEqual([30, 10])
    expect(labelsOf(data.validation)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    expect([...namesOf(data.train), ...namesOf(data.validation)].sort()).toEqual([...files].sort())
    expect(namesOf((await open(1)).validation)).toEqual(namesOf(data.validation))
    expect(namesOf((await open(2)).validation)).not.toEqual(namesOf(data.validation))
  })
})

describe('a data set in parts', () => {
  test.each(['validation', 'val', 'test'])('has train/ and %s/', async (part) => {
    await empty(['train/a/1.jpg', 'train/b/2.jpg', `${part}/a/3.jpg`, `${part}/b/deep/4.jpg`])
    const data = await ImageFolder.open(folder, { split: { validation: 0.5 } })
    expect(data.classes).toEqual(['a', 'b'])
    expect(namesOf(data.train)).toEqual(['train/a/1.jpg', 'train/b/2.jpg'])
    expect(namesOf(data.validation)).toEqual([`${part}/a/3.jpg`, `${part}/b/deep/4.jpg`])
    expect(data.validation.sample(1).source).toBe(join(folder, part, 'b/deep/4.jpg'))
  })

  test('takes val/ before test/', async () => {
    await empty([
      'train/a/1.jpg',
      'train/b/2.jpg',
      'test/a/3.jpg',
      'test/b/4.jpg',
      'val/a/5.jpg',
      'val/b/6.jpg',
    ])
    expect(namesOf((await ImageFolder.open(folder)).validation)).toEqual(['val/a/5.jpg', 'val/b/6.jpg'])
  })

  test('may lack validation, which is split off then', async () => {
    await empty(['a', 'b'].flatMap((name) => [1, 2, 3, 4].map((i) => `train/${name}/${i}.jpg`)))
    const { train, validation } = await ImageFolder.open(folder, { split: { validation: 0.25 } })
    expect([train.length, validation.length]).toEqual([6, 2])
  })

  test('may lack pictures of a class in validation, but not its folder', async () => {
    await empty(['train/a/1.jpg', 'train/b/2.jpg', 'val/a/3.jpg', 'val/b/.keep'])
    expect((await ImageFolder.open(folder)).validation.length).toBe(1)
  })

  test('is not one because a class is called train', async () => {
    await empty(['car/1.jpg', 'train/2.jpg', 'train/steam/3.jpg'])
    const { classes, train } = await ImageFolder.open(folder)
    expect(classes).toEqual(['car', 'train'])
    expect(namesOf(train)).toEqual(['car/1.jpg', 'train/2.jpg', 'train/steam/3.jpg'])
  })
})

describe('refused is', () => {
  const refuse = (files: readonly string[], says: RegExp) => async () => {
    await empty(files)
    await expect(ImageFolder.open(folder)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringMatching(says),
    })
  }
  test('an empty folder', refuse([], /holds no folders; make one folder/))
  test('a folder of pictures without classes', refuse(['1.jpg', '2.jpg'], /2 pictures but no folders/))
  test('one class', refuse(['a/1.jpg'], /one class, "a"; .* two or more/))
  test('no pictures at all', refuse(['a/x.txt', 'b/.keep'], /none of its folders holds/))
  test('a class without pictures', refuse(['a/1.jpg', 'b/2.jpg', 'c/x.gif'], /"c" holds no JPEG or PNG/))
  test(
    'a class that validation lacks',
    refuse(['train/a/1.jpg', 'train/b/2.jpg', 'val/a/3.jpg'], /train\/ has the folder "b", val\/ has not/),
  )
  test(
    'a class that training lacks',
    refuse(
      ['train/a/1.jpg', 'train/b/2.jpg', 'test/a/3.jpg', 'test/b/4.jpg', 'test/c/5.jpg'],
      /test\/ has the folder "c", train\/ has not/,
    ),
  )
  test(
    'validation without pictures',
    refuse(['train/a/1.jpg', 'train/b/2.jpg', 'val/a/.keep', 'val/b/.keep'], /val: none of its folders/),
  )

  test('what is not there, and what is no folder', async () => {
    await empty(['file'])
    await expect(ImageFolder.open(join(folder, 'none'))).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringMatching(/none: there is no such folder; name a folder/),
    })
    await expect(ImageFolder.open(join(folder, 'file'))).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringMatching(/file: it is not a folder/),
    })
  })

  test.each([0, 1, -0.1, Number.NaN, 5])('a validation share of %d', async (validation) => {
    await empty(['a/1.jpg', 'b/2.jpg'])
    await expect(ImageFolder.open(folder, { split: { validation } })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_OPTION',
      message: expect.stringMatching(/split\.validation must be/),
    })
  })

  test('a sample that is not there', async () => {
    await empty(['a/1.jpg', 'b/2.jpg'])
    const { train } = await ImageFolder.open(folder)
    expect(() => train.sample(2)).toThrowError(expect.objectContaining({ code: 'ERR_GOOGLENET_OPTION' }))
  })
})
