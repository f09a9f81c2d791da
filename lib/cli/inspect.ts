import type { Command } from 'commander'
import type { Inspection, Spread } from '../data/inspect.js'
import { count, duration, rate } from '../report/format.js'
import { table } from '../table.js'
import { whole } from './arguments.js'
import { addDataOptions, type DataFlags, openData } from './dataOptions.js'
import { openProgress } from './display.js'
import { interruptible } from './interrupt.js'
import { bar, paint, print, printJson } from './output.js'

interface Flags extends DataFlags {
  sheet?: string
  thumbnails: number
  sample?: number
  threads: number
  json?: boolean
}

/** Lines of a list in the terminal; the rest is in the page and in the JSON. */
const mostLines = 30

export function addInspect(program: Command): void {
  const command = program
    .command('inspect')
    .description('Says what is in a data set: counts, classes, sizes, and what cannot be read.')
    .argument('<source>', 'a data set in any form: folders, archives, shards, an address')
    .option('--sheet <file>', 'write a page with pictures of each class to look at')
    .option('--thumbnails <n>', 'pictures of each class on the page', whole('--thumbnails', 0), 8)
    .option(
      '--sample <n>',
      'decode at most so many of each part, evenly spread; all when left out',
      whole('--sample', 1),
    )
  addDataOptions(command)
    .option('--threads <n>', 'threads; 0 is every core', whole('--threads', 0), 0)
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  googlenet inspect pictures/ --sheet pictures.html
  googlenet inspect ILSVRC2012/ --sample 20000 --json`,
    )
    .action(inspectCommand)
}

async function inspectCommand(path: string, flags: Flags): Promise<void> {
  const { inspect } = await import('../data/inspect.js')
  const json = flags.json === true
  const progress = openProgress(json)
  const inspection = await interruptible(async (signal) => {
    const data = await openData(path, flags, { json, signal })
    const work = inspect(data, {
      thumbnails: flags.sheet ? flags.thumbnails : 0,
      threads: flags.threads,
      ...(flags.sample !== undefined && { sample: flags.sample }),
      signal,
      onProgress: (done, pictures) => progress.update('decoding', done, pictures, ''),
    })
    return await work.finally(() => progress.clear())
  })
  if (flags.sheet) await writeSheet(flags.sheet, path, inspection)
  const { thumbnails, ...facts } = inspection
  if (json) return printJson({ source: path, ...facts, ...(flags.sheet ? { sheet: flags.sheet } : {}) })
  printInspection(inspection)
  if (flags.sheet) print(`\nThe pictures: ${flags.sheet}`)
}

async function writeSheet(file: string, source: string, inspection: Inspection): Promise<void> {
  const { writeFileAtomic } = await import('../files.js')
  const { renderContactSheet } = await import('../report/contactSheet.js')
  await writeFileAtomic(file, renderContactSheet({ source, inspection, written: new Date() }))
}

function printInspection(inspection: Inspection): void {
  const { parts, classes, imbalance, inspected, width, height, shortSide, broken, seconds } = inspection
  const kept = parts.validation > 0 ? `, ${count(parts.validation)} for validation` : ''
  print(paint('bold', `${count(parts.train)} pictures${kept}, ${count(classes.length)} classes`))
  print(`${count(inspected)} decoded in ${duration(seconds)}, ${rate(inspected / seconds)}`)
  print(`The largest class has ${imbalance.toFixed(1)} times the pictures of the smallest.`)
  if (width && height && shortSide) {
    const rows: [string, Spread][] = [
      ['width', width],
      ['height', height],
      ['shorter side', shortSide],
    ]
    const cells = rows.map(([name, { least, median, greatest }]) => [
      name,
      ...[least, median, greatest].map(count),
    ])
    print(`\n${table(['pixels', 'least', 'median', 'greatest'], cells, 1)}`)
  }
  print(`\n${classTable(inspection)}`)
  print(
    broken.length > 0
      ? `\n${count(broken.length)} ${broken.length === 1 ? 'is' : 'are'} broken:`
      : '\nNone is broken.',
  )
  for (const { name, reason } of broken.slice(0, mostLines)) print(`  ${name} ${reason}`)
  if (broken.length > mostLines) print(`  and ${count(broken.length - mostLines)} more; --json names all`)
}

/** The classes, from the largest to the smallest. */
function classTable({ classes }: Inspection): string {
  const sorted = [...classes].sort((a, b) => b.train - a.train)
  const most = Math.max(1, sorted[0]?.train ?? 1)
  const rows = sorted
    .slice(0, mostLines)
    .map(({ name, train, validation }) => [
      name.slice(0, 40),
      count(train),
      count(validation),
      bar(train / most, 24).padEnd(24),
    ])
  const more = classes.length > mostLines ? `\nand ${count(classes.length - mostLines)} smaller ones` : ''
  return table(['class', 'pictures', 'validation', ''.padEnd(24)], rows, 1) + more
}
