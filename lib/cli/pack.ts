import type { Command } from 'commander'
import type { PackReport } from '../data/shards/pack.js'
import { bytes, count, duration, rate } from '../report/format.js'
import { number, pick, share, whole } from './arguments.js'
import { addDataOptions, type DataFlags, openData } from './dataOptions.js'
import { openProgress } from './display.js'
import { interruptible } from './interrupt.js'
import { paint, print, printJson } from './output.js'

interface Flags extends DataFlags {
  shortSide: number
  quality: number
  shardSize: number
  split?: number
  seed: number
  threads: number
  json?: boolean
}

/** What a signal's sender is told. */
const notice = 'Stopping; the same command goes on from here. Once more ends it at once.'

export function addPack(program: Command): void {
  const command = program
    .command('pack')
    .description('Writes a data set as shards of smaller JPEGs, the form that is read fastest.')
    .argument('<source>', 'a data set in any form: folders, archives, shards, an address')
    .argument('<out>', 'the folder that gets the shards; one that is begun is gone on with')
    .option(
      '--short-side <pixels>',
      'of the pictures, at most; 0 keeps every size',
      whole('--short-side', 0),
      320,
    )
    .option('--quality <q>', 'of the JPEGs', number('--quality', { min: 1, max: 100, whole: true }), 90)
    .option('--shard-size <n>', 'pictures in a shard', whole('--shard-size', 1), 4096)
    .option(
      '--split <share>',
      'of each class, kept for validation where the source has none',
      share('--split'),
    )
    .option('--seed <n>', 'decides the order of the pictures, and the split', whole('--seed', 0), 0)
  addDataOptions(command)
    .option('--threads <n>', 'threads; 0 is every core', whole('--threads', 0), 0)
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
The shards are WebDataset tars (.jpg beside .cls), each with an index. Pictures that are small enough stay as they are,
what cannot be read is named and left out. Train on the folder, or serve it over HTTP.

Examples:
  googlenet pack pictures/ packed/
  googlenet pack ILSVRC2012/ packed/ --short-side 400 --quality 92
  googlenet train packed/ --out run/`,
    )
    .action(packCommand)
}

async function packCommand(path: string, out: string, flags: Flags): Promise<void> {
  const { pack } = await import('../data/shards/pack.js')
  const json = flags.json === true
  const progress = openProgress(json)
  const started = performance.now()
  const report = await interruptible(async (signal) => {
    const data = await openData(path, flags, {
      json,
      signal,
      seed: flags.seed,
      ...(flags.split ? { split: { validation: flags.split } } : {}),
    })
    const work = pack(data, out, {
      ...pick(flags, 'shortSide', 'quality', 'seed', 'threads'),
      samplesPerShard: flags.shardSize,
      signal,
      onProgress: ({ done, samples, skipped }) => {
        const speed = rate(done / ((performance.now() - started) / 1000))
        progress.update(
          'packing',
          done,
          samples,
          `${speed}${skipped > 0 ? `, ${count(skipped)} skipped` : ''}`,
        )
      },
    })
    return await work.finally(() => progress.clear())
  }, notice)
  if (json) printJson({ source: path, ...report })
  else printReport(report)
}

function printReport({ out, parts, bytes: size, reused, skipped, seconds }: PackReport): void {
  const { train, validation } = parts
  const kept = validation.samples > 0 ? `, ${count(validation.samples)} for validation` : ''
  print(paint('bold', `${count(train.samples)} pictures${kept}`))
  const before = reused > 0 ? ` (${count(reused)} were there)` : ''
  print(
    `${count(train.shards + validation.shards)} shards${before}, ${bytes(size)}, in ${duration(seconds)}: ${out}`,
  )
  if (skipped.length === 0) return
  print(`\n${count(skipped.length)} could not be read:`)
  for (const { name, reason } of skipped.slice(0, 20)) print(`  ${name} ${reason}`)
  if (skipped.length > 20) print(`  and ${count(skipped.length - 20)} more; all are in pack.json`)
}
