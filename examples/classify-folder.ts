/**
 * Says what the pictures of a folder show, as a table. Pictures that cannot be read are named at the end.
 *
 *   npx tsx examples/classify-folder.ts run/ holiday/
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { GoogLeNet, GoogLeNetError, type Prediction } from 'googlenet'

const [model, folder] = process.argv.slice(2)
if (!model || !folder) {
  console.error('usage: classify-folder.ts <model> <folder>')
  process.exit(2)
}

const names = (await readdir(folder)).filter((name) => /\.(jpe?g|png)$/i.test(name)).sort()
const net = await GoogLeNet.open(model) // a saved file, a checkpoint, or a run's folder
const broken: string[] = []

/** The predictions of each picture; of a broken one the reason. */
async function classify(paths: string[]): Promise<(Prediction[] | string)[]> {
  try {
    return await net.classify(paths, { top: 2 })
  } catch (error) {
    if (!(error instanceof GoogLeNetError) || error.code !== 'ERR_GOOGLENET_PICTURE') throw error
    if (paths.length === 1) return [error.message]
    // One picture spoils the batch: try both halves, until it is alone.
    const half = Math.ceil(paths.length / 2)
    return [...(await classify(paths.slice(0, half))), ...(await classify(paths.slice(half)))]
  }
}

const percent = ({ probability }: Prediction) => `${(100 * probability).toFixed(1).padStart(5)} %`
const width = Math.max(7, ...names.map((name) => name.length))
console.log(`${'picture'.padEnd(width)}  most probable, and next`)
const batchSize = 32
for (let start = 0; start < names.length; start += batchSize) {
  const batch = names.slice(start, start + batchSize)
  const results = await classify(batch.map((name) => join(folder, name)))
  for (const [i, result] of results.entries()) {
    if (typeof result === 'string') broken.push(result)
    else {
      const found = result.map((one) => `${percent(one)}  ${one.label.padEnd(16)}`).join('  ')
      console.log(`${batch[i]!.padEnd(width)}  ${found.trimEnd()}`)
    }
  }
}

for (const reason of broken) console.error(reason)
console.log(`${names.length - broken.length} pictures, ${broken.length} broken`)
net.dispose()
process.exitCode = broken.length > 0 ? 1 : 0
