import { parseClassMap } from '../../../lib/data/shards/classes.js'
import { parseManifest } from '../../../lib/data/shards/manifest.js'
import { expandShards, partShards } from '../../../lib/data/shards/shardNames.js'
import { isWordNetId, parseMapping, parseSolution } from '../../../lib/data/synsets.js'
import { check, parted, readOrRefused, withChoice } from './checks.js'

/** Any text as one of the lists that come with pictures. */
const readers: ((text: string) => void)[] = [
  (text) => {
    for (const [wnid, words] of parseMapping(text, 'fuzzed')) {
      check(isWordNetId(wnid) && words === words.trim() && words !== '', 'each class has an ID and words')
    }
  },
  (text) => {
    for (const [name, wnid] of parseSolution(text, 'fuzzed')) {
      check(isWordNetId(wnid) && /^\w+$/.test(name), 'each picture has a name and an ID')
    }
  },
  (text) => {
    for (const [name, label] of parseClassMap(text, 'fuzzed')) {
      check(typeof name === 'string' && typeof label === 'string', 'each sample has a class')
    }
  },
  (text) => {
    const { classes, parts } = parseManifest(text, 'fuzzed')
    check(
      classes.every((name) => typeof name === 'string') && parts.train.length >= 0,
      'a pack has its parts',
    )
  },
  (text) => {
    const names = expandShards(text)
    const { train, validation } = partShards(names)
    check(train.length + validation.length <= names.length, 'no shard comes twice')
  },
]

export async function fuzz(input: Buffer): Promise<boolean> {
  const { bytes, choice } = parted(input)
  const read = await readOrRefused(() => {
    readers[choice % readers.length]!(bytes.toString('utf8'))
    return true
  })
  return read === true
}

export function seeds(): Buffer[] {
  const md5 = '0'.repeat(32)
  const shard = { name: 'a.tar', bytes: 1, md5, samples: 1, skipped: [], index: { bytes: 1, md5 } }
  const pack = { format: 'googlenet-pack', version: 1, complete: true, classes: ['a'], settings: {} }
  const texts = [
    'n01440764 tench, Tinca tinca\nn02012849 crane\r\n',
    'ImageId,PredictionString\nILSVRC2012_val_00048981,n03995372 85 1 499 272 \n',
    '{"n01440764_10026": 3, "b.jpg": "dog"}',
    JSON.stringify({ ...pack, parts: { train: [shard], validation: [] } }),
    'a-{000..002}.tar::http://b/{val,test}-{0..1}.tar',
  ]
  return [...texts.map(withChoice), withChoice('a.jpg cat\nb, dog\n', 2)]
}
