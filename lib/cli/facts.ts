import type { CudaReport } from '../../binding.js'
import type { GoogLeNet } from '../network.js'
import type { Device } from '../options.js'
import { compact, count, percent } from '../report/format.js'
import type { Facts } from '../report/run.js'
import type { ImageSizeStage } from '../training/options.js'
import type { Schedule } from '../training/schedules.js'
import type { TrainOptions } from '../training/train.js'
import { inspectMachine } from './machine.js'

/** What a network ran on, for the report. */
export async function environmentFacts(net: GoogLeNet): Promise<Facts> {
  const { package: self, cpu, addon } = await inspectMachine()
  const { device, precision, threads } = net.options
  return [
    ['device', `${device}, ${precision}`],
    ['threads', threads === 0 ? `${cpu.cores} (every core)` : String(threads)],
    ['CPU', cpu.model],
    ...(addon.loaded
      ? ([
          ['oneDNN', `${addon.onednn.version}, ${addon.onednn.isa}`],
          ['libjpeg-turbo', addon.jpeg.version],
          ...cardFacts(device, addon.cuda),
        ] as const)
      : []),
    ['Node.js', self.node],
    ['system', self.system],
    ['googlenet', self.version],
  ]
}

function cardFacts(device: Device, { cards, libraries }: CudaReport): Facts {
  const card = device === 'cpu' ? undefined : cards[Number(device.split(':')[1] ?? 0)]
  if (!card) return []
  return [['GPU', card.name], ...libraries.map(({ name, version }) => [name, version] as const)]
}

/** What defines a network, for the report. */
export function networkFacts(net: GoogLeNet): Facts {
  const { variant, labels, channels, imageSize, reduction4d, aux, auxDropout, dropout, seed } = net.options
  return [
    ['variant', variant],
    ['parameters', count(net.summary().parameters)],
    ['classes', count(labels.length)],
    ['images', `${channels} x ${imageSize} x ${imageSize}`],
    ['4d reduction', String(reduction4d)],
    ['auxiliary heads', aux ? `yes, dropout ${auxDropout}` : 'no'],
    ...(dropout > 0 ? [['dropout', String(dropout)] as const] : []),
    ['seed', String(seed)],
  ]
}

/** How a network is trained, for the report: the options that were given. */
export function trainingFacts(options: TrainOptions): Facts {
  const { schedule, momentum, weightDecay, averageDecay, accumulate = 1, augment = {} } = options
  const { imageSize: stages = [], quality, orientation, decoder } = options
  const { area, aspect, flip, jitter = {}, lighting = 0, interpolation = 'bilinear' } = augment
  const given: [name: string, text: string | undefined][] = [
    ['epochs', text(options.epochs)],
    ['batch size', accumulate > 1 ? `${options.batchSize} x ${accumulate}` : text(options.batchSize)],
    ['learning rate', schedule && scheduleText(schedule)],
    ['momentum', options.nesterov ? `${momentum}, Nesterov` : text(momentum)],
    ['weight decay', text(weightDecay)],
    ['label smoothing', text(options.labelSmoothing)],
    ['running average', averageDecay === 0 ? 'none' : text(averageDecay)],
    ['crops', area && `${percent(area[0], 0)} to ${percent(area[1], 0)} of the picture`],
    ['aspect ratio', aspect && `${compact(aspect[0])} to ${compact(aspect[1])}`],
    ['mirrored', flip === undefined ? undefined : percent(flip, 0)],
    ...Object.entries(jitter).map(([name, range]): [string, string] => [
      name,
      range > 0 ? `± ${percent(range, 0)}` : 'as it is',
    ]),
    ['lighting', lighting > 0 ? `deviation ${compact(lighting)}` : undefined],
    ['interpolation', interpolation === 'bilinear' ? undefined : interpolation],
    ['image sizes', stages.length > 0 ? stages.map(stageText).join(', ') : undefined],
    ['decoding', quality === 'fast' ? 'fast' : undefined],
    ['decoder', decoder === 'cpu' ? undefined : decoder],
    ['EXIF orientation', orientation === 'apply' ? 'applied' : undefined],
  ]
  return given.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
}

const text = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : compact(value)

const stageText = ({ untilEpoch, imageSize }: ImageSizeStage) => `${imageSize} until epoch ${untilEpoch}`

function scheduleText(schedule: Schedule): string {
  const { learningRate, warmupEpochs = 0 } = schedule
  const warmup = warmupEpochs > 0 ? `, after ${warmupEpochs} epochs of warm-up` : ''
  const rate = compact(learningRate)
  const final = 'finalLearningRate' in schedule ? compact(schedule.finalLearningRate ?? 0) : '0'
  switch (schedule.kind) {
    case 'constant':
      return `${rate}${warmup}`
    case 'step':
      return `${rate}, times ${schedule.factor ?? 0.96} every ${schedule.everyEpochs ?? 8} epochs${warmup}`
    case 'cosine':
      return `${rate} to ${final} by a cosine${warmup}`
    case 'polynomial':
      return `${rate} to ${final}, ${schedule.power === 1 ? 'linear' : `power ${schedule.power}`}${warmup}`
  }
}
