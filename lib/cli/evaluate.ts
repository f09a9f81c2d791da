import type { Command } from 'commander'
import { withClasses } from '../data/relabel.js'
import type { SampleSource } from '../data/source.js'
import { isWordNetId } from '../data/synsets.js'
import { GoogLeNetError } from '../errors.js'
import { count, decimal, duration, percent, rate } from '../report/format.js'
import { table } from '../table.js'
import type { EvaluationReport } from '../training/evaluate.js'
import {
  addDeviceOptions,
  addJudgingOptions,
  type DeviceFlags,
  deviceOptions,
  type JudgingFlags,
  pick,
  whole,
} from './arguments.js'
import { addDataOptions, type DataFlags, openData } from './dataOptions.js'
import { openProgress } from './display.js'
import { networkFacts } from './facts.js'
import { interruptible } from './interrupt.js'
import { bar, paint, print, printJson } from './output.js'
import { writeReport } from './session.js'

interface Flags extends DeviceFlags, JudgingFlags, DataFlags {
  batchSize: number
  report?: string
  json?: boolean
}

export function addEvaluate(program: Command): void {
  const command = program
    .command('evaluate')
    .description('Measures how well a network does on pictures whose classes are known.')
    .argument('<model>', 'a run folder (its best weights), a weights file or a checkpoint')
    .argument(
      '<data...>',
      'last the data, in any form that train takes, its classes named as those of the network; ' +
        'before it further models, whose answers are averaged with the first',
    )
    .option('--batch-size <n>', 'images at once', whole('--batch-size', 1), 32)
    .option('--report <file>', 'write a page with the confusion matrix and the worst mistakes')
  addDeviceOptions(addDataOptions(addJudgingOptions(command)))
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Of a data set with a part for validation, such as val/, the pictures of that are taken.

Examples:
  googlenet evaluate run/ other-pictures/
  googlenet evaluate run/ other-pictures/ --report mistakes.html
  googlenet evaluate run/ ILSVRC2012_img_val.tar --devkit ILSVRC2012_devkit_t12.tar.gz
  googlenet evaluate run-1/ run-2/ run-3/ other-pictures/ --crops 144`,
    )
    .action(evaluateCommand)
}

async function evaluateCommand(model: string, rest: string[], flags: Flags): Promise<void> {
  const models = [model, ...rest.slice(0, -1)] as const
  const path = rest.at(-1)!
  const { openNetworks } = await import('./networks.js')
  const { evaluate } = await import('../training/evaluate.js')
  const json = flags.json === true
  const data = await interruptible((signal) => openData(path, flags, { json, signal, part: 'validation' }))
  const left = data.skipped ?? []
  using open = await openNetworks(models, deviceOptions(flags))
  const [net] = open.nets
  const source = relabel(data.validation.length > 0 ? data.validation : data.train, net.options.labels)
  const progress = openProgress(json)
  const judged = await interruptible((signal) =>
    evaluate(open.nets, source, {
      ...pick(flags, 'batchSize', 'crops', 'quality', 'orientation', 'decoder'),
      signal,
      onProgress: (done, samples) => progress.update('evaluating', done, samples, ''),
    }).finally(() => progress.clear()),
  )
  const report = { ...judged, skipped: [...left, ...judged.skipped] }
  if (flags.report) {
    await writeReport(flags.report, net, {
      title: `GoogLeNet on ${path}`,
      subtitle: `${models.length > 1 ? 'The networks' : 'The network'} of ${models.join(', ')}, tried on ${count(report.samples)} pictures`,
      state: 'done',
      evaluated: { on: `${count(report.samples)} pictures`, report, source },
      configuration: networkFacts(net),
    })
  }
  if (flags.json)
    printJson({
      model,
      models,
      data: path,
      crops: flags.crops,
      ...report,
      ...(flags.report ? { report: flags.report } : {}),
    })
  else printEvaluation(report)
  if (flags.report && !flags.json) print(`\nThe report: ${flags.report}`)
}

/**
 * The source with the labels of a network: its classes are found by name, or by their WordNet IDs, and may be some of
 * the network's.
 *
 * @throws ERR_GOOGLENET_DATA for a class that the network does not know.
 */
export function relabel(source: SampleSource, labels: readonly string[]): SampleSource {
  const known = new Map(labels.map((label, index) => [label, index]))
  const { classes, synsets = [] } = source
  const found = classes.map((name, i) => known.get(name) ?? known.get(synsets[i] ?? name))
  const unknown = classes.filter((_, i) => found[i] === undefined)
  if (unknown.length > 0) {
    const some = (names: readonly string[]) =>
      `${names.slice(0, 8).join(', ')}${names.length > 8 ? ', ...' : ''}`
    throw new GoogLeNetError(
      'ERR_GOOGLENET_DATA',
      `the network does not know the classes ${some(unknown)}; it knows ${some(labels)}${
        unknown.every(isWordNetId) ? ' (what WordNet IDs are called is in the development kit: --devkit)' : ''
      }`,
    )
  }
  return withClasses(source, { classes: labels, labels: found as number[] })
}

/** The figures, and each class's, from the hardest to the easiest. */
export function printEvaluation(report: EvaluationReport): void {
  const { classes, top1, top5, loss, samples, seconds, imagesPerSecond, skipped, onGpu = 0 } = report
  print(`${paint('bold', `top-1 ${percent(top1)}`)}, top-5 ${percent(top5)}, loss ${decimal(loss)}`)
  print(`${count(samples)} pictures in ${duration(seconds)}, ${rate(imagesPerSecond)}`)
  if (onGpu > 0) print(`${count(onGpu)} of them were decoded by the GPU`)
  if (skipped.length > 0)
    print(`${count(skipped.length)} could not be used, first ${skipped[0]!.name}: ${skipped[0]!.reason}`)
  if (classes.length > 30) return
  print()
  const rows = report.perClass
    .filter((one) => one.samples > 0)
    .sort((a, b) => a.top1 - b.top1)
    .map((one) => [one.label, String(one.samples), percent(one.top1), bar(one.top1, 24).padEnd(24)])
  print(table(['class', 'pictures', 'top-1', ''.padEnd(24)], rows, 1))
}
