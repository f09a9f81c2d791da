import { mkdir, open as openFile, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { type DataEvent, openArchive } from '../../lib/data/archive.js'
import { batches } from '../../lib/data/batches.js'
import { hash } from '../../lib/data/order.js'
import type { SampleSource } from '../../lib/data/source.js'
import { drawPicture, temporaryFolder } from './pictures.js'
import { archive, type Member, member } from './tarArchive.js'

const root = await temporaryFolder()
process.env.XDG_CACHE_HOME = join(root, 'cache')
let path = ''
let files = 0
beforeEach(async () => {
  await mkdir(join(root, String(++files)))
  path = join(root, String(files), 'train.tar')
})

const picture = (name: string): Member => ({ name, content: `of ${name}` })
const inner = (name: string, ...names: string[]): Member => ({
  name,
  content: archive(...names.map(picture)),
})

async function open(content: Buffer) {
  await writeFile(path, content)
  const { index, ...source } = await openArchive(path)
  return { ...source, index, names: namesOf(await openArchive(path)), faults: index.faults.listed }
}
const namesOf = (source: SampleSource) =>
  Array.from({ length: source.length }, (_, i) => source.sample(i).name)

async function contentOf(source: SampleSource, i: number): Promise<string> {
  const { source: where } = source.sample(i)
  if (typeof where === 'string' || where instanceof Uint8Array) throw new Error('not a part of a file')
  const file = await readFile(where.path)
  return file.toString('utf8', where.offset, where.offset + where.length)
}

describe('the pictures of an archive', () => {
  test('of archives are those of their archives, sorted', async () => {
    await writeFile(
      path,
      archive(
        inner('n2.tar', '9.JPEG', '10.JPEG'),
        inner('./n10.tar', 'b.JPEG'),
        inner('n1.tar', 'é.png', 'a.jpg'),
      ),
    )
    const source = await openArchive(path)
    expect(source.classes).toEqual(['n1', 'n10', 'n2'])
    expect(namesOf(source)).toEqual(['n1/a.jpg', 'n1/é.png', 'n10/b.JPEG', 'n2/10.JPEG', 'n2/9.JPEG'])
    expect(Array.from({ length: 5 }, (_, i) => source.sample(i).label)).toEqual([0, 0, 1, 2, 2])
    for (let i = 0; i < 5; i++) {
      expect(await contentOf(source, i)).toBe(`of ${basename(source.sample(i).name)}`)
    }
    expect(() => source.sample(5)).toThrowError(/sample must be/)
  })

  test('of folders are in those, and others in none', async () => {
    const { names, classes, faults } = await open(
      archive(picture('train/b/1.jpg'), picture('./train/a/2.jpg'), picture('loose.jpg'), {
        name: 'train/',
        type: '5',
      }),
    )
    expect(classes).toEqual(['', 'a', 'b'])
    expect(names).toEqual(['loose.jpg', 'a/2.jpg', 'b/1.jpg'])
    expect(faults).toEqual([])
  })

  test('are neither hidden files nor files of another kind', async () => {
    const { names, faults } = await open(
      archive(...['a/1.jpg', 'a/._1.jpg', 'a/.x/2.jpg', 'a/notes.txt', 'a/3.jpg.part'].map(picture)),
    )
    expect(names).toEqual(['a/1.jpg'])
    expect(faults).toEqual([])
  })

  test('that cannot be used are named', async () => {
    const { names, faults } = await open(
      archive(
        inner('a.tar', '1.jpg', '../../etc/2.jpg', '/etc/3.jpg'),
        { name: 'a/link.jpg', type: '2' },
        { name: 'a/hard.jpg', type: '1' },
        { name: 'a/pipe.jpg', type: '6' },
        { name: '../b.tar', content: archive() },
        picture('a/\u001b[2J.jpg'),
        { name: 'c.tar', content: archive(inner('d.tar', '4.jpg')) },
      ),
    )
    expect(names).toEqual(['a/1.jpg'])
    expect(faults).toEqual([
      { name: 'a/../../etc/2.jpg', reason: 'has a name that leads out of the archive' },
      { name: 'a//etc/3.jpg', reason: 'has a name that leads out of the archive' },
      { name: 'a/link.jpg', reason: 'is a link' },
      { name: 'a/hard.jpg', reason: 'is a link' },
      { name: 'a/pipe.jpg', reason: 'is no regular file' },
      { name: '../b.tar', reason: 'has a name that leads out of the archive' },
      { name: 'a/\u001b[2J.jpg', reason: 'has control characters in its name' },
      { name: 'c/d.tar', reason: 'is an archive in an archive in an archive' },
    ])
  })

  test('that are there twice count once, the later one', async () => {
    await writeFile(
      path,
      archive(
        { name: 'a/1.jpg', content: 'old' },
        { name: 'a/1.jpg', content: 'new' },
        inner('n.tar', 'x.jpg'),
        {
          name: 'n.tar',
          content: archive({ name: 'y.jpg', content: 'y' }),
        },
      ),
    )
    const source = await openArchive(path)
    expect(namesOf(source)).toEqual(['a/1.jpg', 'n/y.jpg'])
    expect(await contentOf(source, 0)).toBe('new')
    expect(source.index.faults.listed).toEqual([
      { name: 'a/1.jpg', reason: 'is there twice; the later one is used' },
      { name: 'n.tar', reason: 'is there twice; the later one is used' },
    ])
  })
})

test('pictures that lie many gigabytes into an archive are found and decoded', async () => {
  const size = Buffer.alloc(12)
  const filler = 9 * 2 ** 30
  size.writeUInt8(0x80, 0)
  size.writeBigUInt64BE(BigInt(filler), 4)
  const content = drawPicture(1, 2)
  const after = archive(
    { name: 'n1.tar', content: archive({ name: 'a.png', content }) },
    { name: 'n2/b.png', content },
  )
  const file = await openFile(path, 'w')
  await file.write(member({ name: 'filler', size }), 0, 512, 0)
  await file.write(after, 0, after.length, 512 + filler) // between them a hole, which takes no disk
  await file.close()
  const source = await openArchive(path)
  expect(source.sample(0).source).toMatchObject({ offset: 512 + filler + 1024, length: content.length })
  const { value: batch } = await batches(source, { batchSize: 2, imageSize: 64, resize: 64 }).next()
  expect(batch!.skipped).toEqual([])
  expect(batch!.images.data.subarray(0, 64 * 64 * 3)).toEqual(batch!.images.data.subarray(64 * 64 * 3))
})

describe('an archive', () => {
  const whole = archive(inner('n1.tar', 'a.jpg', 'b.jpg'), inner('n2.tar', 'c.jpg', 'd.jpg'))

  test('that ends early gives what is whole, in the archives in it too, and says what is lost', async () => {
    const { names, faults } = await open(whole.subarray(0, whole.length - 3000))
    expect(names).toEqual(['n1/a.jpg', 'n1/b.jpg', 'n2/c.jpg'])
    expect(faults.map(({ name, reason }) => `${name} ${reason}`)).toEqual([
      expect.stringMatching(/^n2.tar ends early|^n2.tar has no end mark/),
      expect.stringMatching(/^train.tar ends early, [\d,]+ bytes before the end of "n2.tar"; its last/),
    ])
  })

  test('cut off anywhere gives no picture that is not whole', async () => {
    for (let length = 512; length < whole.length; length += 256) {
      await writeFile(path, whole.subarray(0, length))
      const source = await openArchive(path).catch((error) => {
        expect(error).toMatchObject({ code: 'ERR_GOOGLENET_DATA', message: expect.stringMatching(/no JPEG/) })
        return undefined
      })
      if (source === undefined) continue
      for (let i = 0; i < source.length; i++) {
        expect(await contentOf(source, i)).toBe(`of ${basename(source.sample(i).name)}`)
      }
      expect(source.index.faults.total > 0).toBe(length < whole.length - 512)
    }
  })

  test('in it that is damaged takes nothing from the others', async () => {
    const broken = archive(picture('a.jpg'), { ...picture('b.jpg'), error: 7 }, picture('c.jpg'))
    const { names, faults } = await open(
      archive({ name: 'n1.tar', content: broken }, inner('n2.tar', 'd.jpg')),
    )
    expect(names).toEqual(['n1/a.jpg', 'n2/d.jpg'])
    expect(faults).toEqual([
      {
        name: 'n1.tar',
        reason: expect.stringMatching(/^is damaged: .* checksum; its last [\d,]+ bytes were not read/),
      },
    ])
  })

  test.each<[string, Buffer, RegExp]>([
    ['without pictures', archive({ name: 'notes.txt' }), /holds no JPEG or PNG picture$/],
    ['that is none', Buffer.alloc(2000, '<html>'), /holds no .*; train.tar is not a tar archive/],
    ['that is empty', Buffer.alloc(0), /holds no .*; train.tar is empty/],
  ])('%s is refused', async (_, content, message) => {
    await writeFile(path, content)
    await expect(openArchive(path)).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_DATA',
      message: expect.stringMatching(message),
    })
    expect(await readdir(join(path, '..'))).toEqual(['train.tar'])
  })

  test('names a thousand faults and counts the others', async () => {
    const links = Array.from({ length: 1203 }, (_, i) => member({ name: `a/${i}.jpg`, type: '2' }))
    await writeFile(path, archive(picture('a/x.jpg'), ...links))
    const { faults } = (await openArchive(path)).index
    expect(faults.total).toBe(1203)
    expect(faults.list('train.tar').slice(999)).toEqual([
      { name: 'a/999.jpg', reason: 'is a link' },
      { name: 'train.tar', reason: 'holds 203 further entries that cannot be used' },
    ])
  })

  test('is no longer read when the signal fires', async () => {
    await writeFile(path, whole)
    await expect(openArchive(path, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_GOOGLENET_ABORTED',
    })
  })
})

describe('the index', () => {
  const content = archive(inner('n1.tar', 'a.jpg', 'b.jpg'), inner('n2.tar', 'é.jpg'), {
    name: 'x.jpg',
    type: '2',
  })
  const opened = async () => {
    const events: DataEvent[] = []
    const source = await openArchive(path, { onEvent: (event) => events.push(event) })
    const last = events.at(-1)
    if (last?.type !== 'indexed') throw new Error('no index')
    return { names: namesOf(source), faults: source.index.faults.listed, ...last }
  }

  test('is made once, beside the archive', async () => {
    await writeFile(path, content)
    const first = await opened()
    expect(first).toMatchObject({ built: true, index: `${path}.index`, samples: 3 })
    const second = await opened()
    expect(second).toEqual({ ...first, built: false })
    expect(await readdir(join(path, '..'))).toEqual(['train.tar', 'train.tar.index'])
  })

  test('goes into the cache folder where the archive must not be touched', async () => {
    await writeFile(path, content)
    await mkdir(`${path}.index`) // root may write anywhere but over a folder
    const { index, built } = await opened()
    expect(built).toBe(true)
    expect(index).toMatch(new RegExp(`^${root}/cache/googlenet/indexes/train.tar-[0-9a-f]{24}.index$`))
    expect(await opened()).toMatchObject({ built: false, index })
    await rm(join(root, 'cache'), { recursive: true })
    await writeFile(join(root, 'cache'), 'no folder')
    const unkept = await opened()
    expect(unkept).toMatchObject({ built: true, samples: 3 })
    expect(unkept).not.toHaveProperty('index')
    await rm(join(root, 'cache'))
  })

  test('of a changed archive is made anew', async () => {
    await writeFile(path, content)
    await opened()
    await utimes(path, new Date(), new Date(Date.now() + 5000))
    expect(await opened()).toMatchObject({ built: true, refused: expect.stringMatching(/has changed since/) })
    await writeFile(path, archive(inner('n1.tar', 'a.jpg'), inner('n3.tar', 'q.jpg')))
    expect((await opened()).names).toEqual(['n1/a.jpg', 'n3/q.jpg'])
  })

  test('that is damaged or cut off is made anew, and the pictures are the same', async () => {
    await writeFile(path, content)
    const { names, faults } = await opened()
    const good = await readFile(`${path}.index`)
    const damaged = [
      new Uint8Array(0),
      good.subarray(0, 40),
      good.subarray(0, -1),
      Buffer.concat([good, good]),
    ]
    for (let turn = 0; turn < 40; turn++) {
      const bytes = Buffer.from(good)
      bytes[hash(turn, 1) % bytes.length]! ^= 1 + (hash(turn, 2) % 255)
      damaged.push(bytes)
    }
    for (const bytes of damaged) {
      await writeFile(`${path}.index`, bytes)
      const again = await opened()
      expect(again).toMatchObject({ names, faults, built: true })
      expect(again.refused).toContain(`${path}.index: `)
      expect(await readFile(`${path}.index`)).toEqual(good)
    }
  })
})
