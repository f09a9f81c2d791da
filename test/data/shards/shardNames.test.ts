import { expect, test } from 'vitest'
import { expandShards, isUrl, partShards } from '../../../lib/data/shards/shardNames.js'

test.each([
  ['x.tar', ['x.tar']],
  ['x-{08..11}.tar', ['x-08.tar', 'x-09.tar', 'x-10.tar', 'x-11.tar']],
  ['{a,b}-{0..1}.tar', ['a-0.tar', 'a-1.tar', 'b-0.tar', 'b-1.tar']],
  ['a.tar::http://host/b-{1..2}.tar', ['a.tar', 'http://host/b-1.tar', 'http://host/b-2.tar']],
  ['{one}.tar', ['one.tar']],
])('%s', (list, names) => {
  expect(expandShards(list)).toEqual(names)
})

test('a list of none or of more than a million is a slip', () => {
  for (const list of ['x-{3..2}.tar', '{0..1000000}', '{0..9999}{0..9999}', '{0..99999999999999}']) {
    expect(() => expandShards(list)).toThrow(expect.objectContaining({ code: 'ERR_GOOGLENET_OPTION' }))
  }
})

test('parts by whole words of the file name', () => {
  const names = ['/val/train-0.tar', 'in-validation-0.tar', 'valley-0.tar', 'a_val_1.tar', 'test-0.tar']
  expect(partShards(names)).toEqual({
    train: ['/val/train-0.tar', 'valley-0.tar'],
    validation: ['in-validation-0.tar', 'a_val_1.tar'],
  })
  expect(partShards(['a.tar', 'test.tar'])).toEqual({ train: ['a.tar'], validation: ['test.tar'] })
})

test('addresses', () => {
  expect(['http://x/a', 'HTTPS://x/a', 'ftp://x/a', '/http://x'].map(isUrl)).toEqual([
    true,
    true,
    false,
    false,
  ])
})
