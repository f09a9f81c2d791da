import { execFileSync } from 'node:child_process'
import { link, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FileBytes, memoryBytes } from '../../lib/data/byteSource.js'
import { hash } from '../../lib/data/order.js'
import { readTar, type TarEntry, type TarRange } from '../../lib/data/tar.js'
import { temporaryFolder } from './pictures.js'
import { archive, member, pax } from './tarArchive.js'

async function read(bytes: Uint8Array, range?: TarRange) {
  const entries: TarEntry[] = []
  const reading = readTar(memoryBytes(bytes), range)
  for (;;) {
    const next = await reading.next()
    if (next.done) return { entries, names: entries.map(({ name }) => name), ...next.value }
    entries.push(next.value)
  }
}

describe('an archive that GNU tar wrote', async () => {
  const folder = await temporaryFolder()
  const long = `${'deep/'.repeat(30)}${'n'.repeat(120)}.JPEG`
  const medium = `${'folder-of-some-length/'.repeat(5)}picture.JPEG`
  await mkdir(join(folder, 'in', 'deep/'.repeat(30)), { recursive: true })
  await mkdir(join(folder, 'in', 'folder-of-some-length/'.repeat(5)), { recursive: true })
  const contents: Record<string, string> = {
    'a.JPEG': 'one block',
    'é ü.png': 'two blocks'.repeat(80),
    empty: '',
  }
  const withLong: Record<string, string> = { ...contents, [long]: 'long', [medium]: 'medium' }
  for (const [name, content] of Object.entries(withLong)) await writeFile(join(folder, 'in', name), content)
  await symlink('a.JPEG', join(folder, 'in/symbolic.JPEG'))
  await link(join(folder, 'in/a.JPEG'), join(folder, 'in/b-hard.JPEG'))

  test.each(['v7', 'ustar', 'gnu', 'pax'])('as %s is read', async (format) => {
    const tar = join(folder, `${format}.tar`)
    const expected: Record<string, string> =
      format === 'v7' ? contents : format === 'ustar' ? { ...contents, [medium]: 'medium' } : withLong
    const names = [...Object.keys(expected), 'symbolic.JPEG', 'b-hard.JPEG']
    execFileSync(
      'tar',
      ['-C', join(folder, 'in'), `--format=${format}`, '-cf', tar, '--no-recursion', 'deep', ...names.sort()],
      {
        stdio: 'ignore',
      },
    )
    await using file = await FileBytes.open(tar)
    const found: Record<string, string> = {}
    const kinds: Record<string, string> = {}
    const reading = readTar(file)
    for (;;) {
      const next = await reading.next()
      if (next.done) {
        expect(next.value.fault).toBeUndefined()
        break
      }
      const { name, kind, offset, length } = next.value
      if (kind === 'file') found[name] = Buffer.from(await file.read(offset, length)).toString()
      else kinds[name] = kind
    }
    expect(found).toEqual(expected)
    expect(kinds).toMatchObject({ 'symbolic.JPEG': 'link', 'b-hard.JPEG': 'link', 'deep/': 'folder' })
  })
})

test('an archive in an archive is read by its range', async () => {
  const inner = archive({ name: 'x.JPEG', content: 'picture' })
  const outer = archive({ name: 'a.tar', content: inner }, { name: 'b', content: 'b' })
  const { entries } = await read(outer)
  expect(entries.map(({ name }) => name)).toEqual(['a.tar', 'b'])
  const { offset, length } = entries[0]!
  const within = await read(outer, { begin: offset, end: offset + length })
  const [picture] = within.entries
  expect(within.fault).toBeUndefined()
  expect(outer.subarray(picture!.offset, picture!.offset + picture!.length).toString()).toBe('picture')
})

test('sizes may be binary, or in a pax header', async () => {
  const binary = Buffer.alloc(12)
  binary.writeUInt8(0x80, 0)
  binary.writeUInt32BE(5, 8)
  const found = await read(
    archive({ name: 'a', size: binary, content: 'five!' }, pax({ size: '3', path: 'ü' }), {
      name: 'b',
      content: 'abc',
      size: 0,
    }),
  )
  expect(found.entries.map(({ name, length }) => [name, length])).toEqual([
    ['a', 5],
    ['ü', 3],
  ])
  expect(found.fault).toBeUndefined()
})

test('a size of many gigabytes is told with what is missing of it', async () => {
  const binary = Buffer.alloc(12)
  binary.writeUInt8(0x80, 0)
  binary.writeBigUInt64BE(2n ** 40n, 4)
  const { entries, fault } = await read(archive({ name: 'huge', size: binary, content: 'x' }))
  expect(entries[0]).toMatchObject({ length: 1536, missing: 2 ** 40 - 1536 })
  expect(fault).toMatch(/ends early, 1,099,511,626,240 bytes before the end of "huge"/)
})

const whole = archive({ name: 'a', content: 'first' }, { name: 'b', content: 'second' })
const sized = (...bytes: number[]) => Buffer.from([...bytes, ...new Array(12).fill(0)]).subarray(0, 12)

test.each<[string, Uint8Array, string[], RegExp]>([
  ['cut off in a content', whole.subarray(0, 1540), ['a', 'b'], /ends early, 2 bytes before the end of "b"/],
  ['cut off in a header', whole.subarray(0, 1300), ['a'], /^ends early$/],
  ['cut off between members', whole.subarray(0, 1024), ['a'], /no end mark/],
  ['without anything', new Uint8Array(0), [], /^is empty$/],
  ['compressed', Buffer.from([0x1f, 0x8b, ...new Array(600).fill(7)]), [], /is compressed/],
  ['of something else', Buffer.alloc(1024, 'no archive'), [], /is not a tar archive/],
  ['with a wrong checksum', archive({ name: 'a' }, { name: 'b', error: 1 }), ['a'], /byte 512 .* checksum/],
  ['with a negative size', archive({ name: 'a', size: sized(0xff, 0xff) }), [], /no size that is possible/],
  [
    'with an overflowing size',
    archive({ name: 'a', size: sized(0x80, 1, 1) }),
    [],
    /no size that is possible/,
  ],
  [
    'with a size that is no number',
    archive({ name: 'a', size: sized(0x39) }),
    [],
    /no size that is possible/,
  ],
  [
    'with zeros where more should be',
    Buffer.concat([member({ name: 'a' }), Buffer.alloc(70_000), member({ name: 'b' })]),
    ['a'],
    /marked as ending at byte 512, with 70,512 bytes to follow/,
  ],
  [
    'with a pax header of no records',
    archive({ name: 'p', type: 'x', content: 'nonsense' }),
    [],
    /pax header/,
  ],
  ['with a pax record of length 0', archive({ name: 'p', type: 'x', content: '0 a=b\n' }), [], /pax header/],
  ['with a pax record too long', archive({ name: 'p', type: 'x', content: '99 path=b\n' }), [], /pax header/],
  ['with a pax size of none', archive(pax({ size: '-1' }), { name: 'a' }), [], /no size that is possible/],
  [
    'with a name of megabytes',
    archive({ name: 'l', type: 'L', content: Buffer.alloc(2 ** 21) }),
    [],
    /a name or pax header of 2,097,152 bytes/,
  ],
])('an archive %s gives what is whole, and says what is wrong', async (_, bytes, names, fault) => {
  const found = await read(bytes)
  expect(found.names).toEqual(names)
  expect(found.fault).toMatch(fault)
})

test('the filling after the end mark is no fault', async () => {
  expect((await read(Buffer.concat([whole, Buffer.alloc(10240)]))).fault).toBeUndefined()
})

test('any bytes are read to an end, and nothing that is given lies outside of them', async () => {
  const good = archive(
    { name: 'a.JPEG', content: 'first' },
    { name: 'l', type: 'L', content: 'a long name\0' },
    { name: 'b', content: Buffer.alloc(700) },
    pax({ path: 'c', size: '9' }),
    { name: 'c', content: 'ninebytes' },
  )
  for (let turn = 0; turn < 3000; turn++) {
    const bytes = Buffer.from(good)
    for (let change = 0; change <= turn % 4; change++) {
      bytes[hash(turn, change) % bytes.length] = hash(turn, change, 1) & 0xff
      // The checksum is put right, so that the changes are met.
      if (turn % 2 === 0) repairChecksums(bytes)
    }
    const { entries } = await read(
      bytes.subarray(0, hash(turn, 9) % 3 === 0 ? hash(turn, 10) % bytes.length : undefined),
    )
    for (const { offset, length, missing } of entries) {
      expect(length >= 0 && missing >= 0 && offset + length <= bytes.length).toBe(true)
    }
  }
})

function repairChecksums(bytes: Buffer): void {
  for (let at = 0; at < bytes.length; at += 512) {
    const header = bytes.subarray(at, at + 512)
    if (header.toString('latin1', 257, 262) !== 'ustar') continue
    header.fill(' ', 148, 156)
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  }
}

test('reading ends when its signal fires', async () => {
  const controller = new AbortController()
  const reading = readTar(memoryBytes(whole), { signal: controller.signal })
  await reading.next()
  controller.abort()
  await expect(reading.next()).rejects.toMatchObject({ code: 'ERR_GOOGLENET_ABORTED' })
})

test('of a file that is not there the name is told', async () => {
  await expect(FileBytes.open('/nowhere/x.tar')).rejects.toMatchObject({
    code: 'ERR_GOOGLENET_DATA',
    message: expect.stringContaining('/nowhere/x.tar'),
  })
})
