import type { Peaks, Precision, ProfileReport } from '../../binding.js'
import type { GoogLeNet } from '../network.js'
import type { Device } from '../options.js'
import { cardPeaks, peaksIn } from '../peaks.js'
import { bySeconds, kindRows, type ProfileRow, stepRows, totalRow } from '../profile.js'
import { percent } from '../report/format.js'
import { table } from '../table.js'
import { print } from './output.js'

export interface PeakFlags {
  /** TFLOP/s. */
  peakTflops?: number
  /** TB/s. */
  bandwidth?: number
}

/** A profile with what it must be beside. */
export interface Profiled {
  work: 'inference' | 'training'
  precision: Precision
  device: Device
  batchSize: number
  /** Images that the times are of: fewer than the batch where inference is computed in parts. */
  images: number
  peaks?: Peaks
  kinds: ProfileRow[]
  steps: ProfileRow[]
  /** Of the parts added up, and of a run that is not taken apart. */
  seconds: number
  whole: number
}

/** Runs that the times are the medians of. */
const repeat = 10

export async function profileNetwork(
  net: GoogLeNet,
  work: Profiled['work'],
  batchSize: number,
  flags: PeakFlags,
): Promise<Profiled> {
  const { precision, device } = net.options
  const report = await net.profile({ batch: batchSize, mode: work === 'training' ? 'train' : 'eval', repeat })
  const peaks = await findPeaks(report, precision, device, flags)
  const steps = stepRows(report, precision, peaks)
  return {
    work,
    precision,
    device,
    batchSize,
    images: report.plan.batch,
    ...(peaks && { peaks }),
    kinds: kindRows(steps).toSorted(bySeconds),
    steps: steps.toSorted(bySeconds),
    seconds: totalRow('all', steps).seconds,
    whole: report.whole,
  }
}

/** Those that were asked for; else measured on a CPU, and looked up for a card. */
async function findPeaks(
  report: ProfileReport,
  precision: Precision,
  device: Device,
  { peakTflops, bandwidth }: PeakFlags,
): Promise<Peaks | undefined> {
  const known = report.peaks ? undefined : cardPeaks(await cardName(device))
  const found = report.peaks ?? (known && peaksIn(precision, known))
  const flops = peakTflops === undefined ? found?.flops : peakTflops * 1e12
  const moved = bandwidth === undefined ? found?.bandwidth : bandwidth * 1e12
  return flops === undefined || moved === undefined ? undefined : { flops, bandwidth: moved }
}

async function cardName(device: Device): Promise<string> {
  const { binding } = await import('../native.js')
  return binding.system().cuda.cards[Number(device.split(':')[1] ?? 0)]?.name ?? ''
}

export function printProfile(profiled: Profiled, layers: boolean): void {
  const { work, precision, device, batchSize, images, peaks, kinds, steps, seconds, whole } = profiled
  const part = images < batchSize ? `, computed ${images} images at a time: these are of ${images}` : ''
  print(`${work}, ${precision}, ${device}, batch ${batchSize}${part}`)
  print(
    peaks
      ? `limits: ${rounded(peaks.flops / 1e12)} TFLOP/s, ${rounded(peaks.bandwidth / 1e9)} GB/s; ` +
          'what caches keep, and convolutions by fewer products, may surpass them'
      : 'limits unknown for this card: give --peak-tflops and --bandwidth',
  )
  print()
  printRows(kinds, ['operation'], ({ operation }) => [operation])
  if (layers) {
    print()
    printRows(steps, ['operation', 'layers'], ({ operation, layers }) => [operation, layers.join(' ')])
  }
  print()
  print(
    `One by one they take ${milliseconds(seconds)} ms, as they run usually ${milliseconds(whole)} ms ` +
      `(${percent(whole / seconds)} of that).\n`,
  )
}

/** Texts to the left, figures to the right; below them what they add up to. */
function printRows(
  rows: readonly ProfileRow[],
  titles: string[],
  texts: (row: ProfileRow) => string[],
): void {
  const limited = rows[0]?.limit !== undefined
  const cells = (row: ProfileRow) => [
    ...texts(row),
    String(row.count),
    milliseconds(row.seconds),
    percent(row.share),
    row.flops > 0 ? (row.flops / 1e9).toFixed(3) : '',
    row.bytes > 0 ? (row.bytes / 1e6).toFixed(2) : '',
    ...(limited ? limitCells(row) : []),
  ]
  const figures = ['count', 'ms', 'share', 'GFLOP', 'MB', ...(limited ? ['limit ms', 'of limit'] : [])]
  print(table([...titles, ...figures], [...rows, totalRow('all', rows)].map(cells), titles.length))
}

function limitCells({ limit = 0, seconds }: ProfileRow): string[] {
  return limit > 0 ? [milliseconds(limit), percent(limit / seconds)] : ['', '']
}

const milliseconds = (seconds: number): string => (seconds * 1000).toFixed(3)
const rounded = (value: number): string => String(Number(value.toPrecision(3)))
