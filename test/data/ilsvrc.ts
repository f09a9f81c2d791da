import { execFileSync } from 'node:child_process'
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parquetWriteFile } from 'hyparquet-writer'
import { packageRoot } from '../../lib/packageRoot.js'

/** Drawings that come along stand for ImageNet's classes; the numbers are those of the fixture's development kit. */
const classes = [
  { wnid: 'n01440764', drawings: 'animal', number: 4, words: 'tench, Tinca tinca', train: 7 },
  { wnid: 'n02012849', drawings: 'building', number: 3, words: 'crane', train: 5 },
  { wnid: 'n02119789', drawings: 'face', number: 2, words: 'kit fox, Vulpes macrotis', train: 6 },
  { wnid: 'n03126707', drawings: 'vehicle', number: 1, words: 'crane', train: 6 },
]
export const wordNetIds = classes.map(({ wnid }) => wnid)
export const labels = ['tench', 'crane (n02012849)', 'kit fox', 'crane (n03126707)']
/** What the validation pictures show, by their numbers from 1 on: places in `classes`. */
const shown = [2, 0, 3, 3, 1, 0, 2, 1, 0]
export const validationLabels = shown

export const trainArchive = 'ILSVRC2012_img_train.tar'
export const validationArchive = 'ILSVRC2012_img_val.tar'
export const devkit = 'ILSVRC2012_devkit_t12.tar.gz'

const validationName = (i: number) => `ILSVRC2012_val_${String(i + 1).padStart(8, '0')}`

const tar = (out: string, from: string, ...members: string[]): void => {
  execFileSync('tar', ['-C', from, '-cf', out, ...members])
}

/**
 * A small ImageNet in every form, each a folder: `archives` as downloaded, `kaggle`, `flat` (class folders, and a
 * folder of validation pictures beside the devkit), `folders` (sorted), `shards` (WebDataset) and `parquet`
 * (Hugging Face).
 */
export async function makeIlsvrc(folder: string): Promise<void> {
  const train = join(folder, 'folders/train')
  const sorted = join(folder, 'folders/val')
  const flat = join(folder, 'flat/val')
  await mkdir(flat, { recursive: true })
  for (const { wnid, drawings, train: count } of classes) {
    const pictures = await drawingsOf('train', drawings)
    await mkdir(join(train, wnid), { recursive: true })
    await mkdir(join(sorted, wnid), { recursive: true })
    // Numbered as ImageNet's are, so that their order is not that of the numbers.
    for (let i = 0; i < count; i++) await cp(pictures[i]!, join(train, wnid, `${wnid}_${8 + i}.JPEG`))
  }
  for (const [i, label] of shown.entries()) {
    const { wnid, drawings } = classes[label]!
    const picture = (await drawingsOf('test', drawings))[i]!
    await cp(picture, join(flat, `${validationName(i)}.JPEG`))
    await cp(picture, join(sorted, wnid, `${validationName(i)}.JPEG`))
  }
  await makeArchives(join(folder, 'archives'), train, flat)
  await symlink('../folders/train', join(folder, 'flat/train'))
  await cp(join(folder, 'archives', devkit), join(folder, 'flat', devkit))
  await makeKaggle(join(folder, 'kaggle'), train, flat)
  await makeShards(join(folder, 'shards'), train, flat)
  await makeParquet(join(folder, 'parquet'), train, flat)
}

async function drawingsOf(part: string, name: string): Promise<string[]> {
  const from = join(packageRoot, 'data/emoji', part, name)
  return (await readdir(from)).sort().map((file) => join(from, file))
}

async function makeArchives(out: string, train: string, flat: string): Promise<void> {
  const inner = join(out, 'inner')
  await mkdir(inner, { recursive: true })
  for (const wnid of wordNetIds) {
    tar(join(inner, `${wnid}.tar`), join(train, wnid), ...(await readdir(join(train, wnid))))
  }
  tar(join(out, trainArchive), inner, ...[...wordNetIds].reverse().map((wnid) => `${wnid}.tar`))
  tar(join(out, validationArchive), flat, ...(await readdir(flat)).reverse())
  const kit = join(out, 'unpacked')
  const data = join(kit, 'ILSVRC2012_devkit_t12/data')
  await mkdir(data, { recursive: true })
  await cp(new URL('fixtures/meta-compressed.mat', import.meta.url), join(data, 'meta.mat'))
  const truth = shown.map((label) => `${classes[label]!.number}\n`).join('')
  await writeFile(join(data, 'ILSVRC2012_validation_ground_truth.txt'), truth)
  execFileSync('tar', ['-C', kit, '-czf', join(out, devkit), 'ILSVRC2012_devkit_t12'])
}

async function makeKaggle(out: string, train: string, flat: string): Promise<void> {
  const pictures = join(out, 'ILSVRC/Data/CLS-LOC')
  await mkdir(pictures, { recursive: true })
  await symlink(train, join(pictures, 'train'))
  await symlink(flat, join(pictures, 'val'))
  const mapping = classes.map(({ wnid, words }) => `${wnid} ${words}\n`).join('')
  await writeFile(join(out, 'LOC_synset_mapping.txt'), mapping)
  const rows = shown.map((label, i) => `${validationName(i)},${classes[label]!.wnid} 1 2 30 40 \n`).reverse()
  await writeFile(join(out, 'LOC_val_solution.csv'), `ImageId,PredictionString\n${rows.join('')}`)
}

/** Shards of a few samples each, every sample a picture and the number of its class. */
async function makeShards(out: string, train: string, flat: string): Promise<void> {
  const members = `${out}-members`
  await mkdir(out, { recursive: true })
  await mkdir(members, { recursive: true })
  const place = async (name: string, picture: string, label: number) => {
    await cp(picture, join(members, `${name}.jpg`))
    await writeFile(join(members, `${name}.cls`), String(label))
    return [`${name}.cls`, `${name}.jpg`]
  }
  const trained: string[] = []
  for (const [label, wnid] of wordNetIds.entries()) {
    for (const file of (await readdir(join(train, wnid))).sort()) {
      trained.push(...(await place(file.replace('.JPEG', ''), join(train, wnid, file), label)))
    }
  }
  for (let shard = 0; shard * 20 < trained.length; shard++) {
    tar(join(out, `train-00${shard}.tar`), members, ...trained.slice(shard * 20, (shard + 1) * 20))
  }
  const held: string[] = []
  for (const [i, label] of shown.entries()) {
    held.push(...(await place(validationName(i), join(flat, `${validationName(i)}.JPEG`), label)))
  }
  tar(join(out, 'val-000.tar'), members, ...held)
}

/** Pictures and labels as the Hub has them, in row groups of a few. */
async function makeParquet(out: string, train: string, flat: string): Promise<void> {
  await mkdir(out, { recursive: true })
  const trained: { path: string; label: number }[] = []
  for (const [label, wnid] of wordNetIds.entries()) {
    const files = (await readdir(join(train, wnid))).sort()
    trained.push(...files.map((file) => ({ path: join(train, wnid, file), label })))
  }
  const held = shown.map((label, i) => ({ path: join(flat, `${validationName(i)}.JPEG`), label }))
  for (const [name, rows] of Object.entries({ train: trained, validation: held })) {
    const pictures = await Promise.all(rows.map(async ({ path }) => ({ bytes: await readFile(path), path })))
    parquetWriteFile({
      filename: join(out, `${name}-00000-of-00001.parquet`),
      columnData: [
        { name: 'image', data: pictures },
        { name: 'label', data: rows.map(({ label }) => BigInt(label)) },
      ],
      schema: [
        { name: 'schema', num_children: 2 },
        { name: 'image', num_children: 2, repetition_type: 'OPTIONAL' },
        { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
        { name: 'path', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
        { name: 'label', type: 'INT64', repetition_type: 'OPTIONAL' },
      ],
      rowGroupSize: 7,
    })
  }
}
