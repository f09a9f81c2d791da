import { join } from 'node:path'
import type { DataSet, SampleSource } from '../data/source.js'
import { writeFileAtomic } from '../files.js'
import type { GoogLeNet } from '../network.js'
import { renderReport } from '../report/page.js'
import { embedMistakes } from '../report/pictures.js'
import { type Facts, type RunReport, TrainingHistory } from '../report/run.js'
import type { EvaluationReport } from '../training/evaluate.js'
import type { TrainEvent } from '../training/events.js'
import type { TrainOptions } from '../training/train.js'
import { trainingDisplay } from './display.js'
import { environmentFacts, networkFacts, trainingFacts } from './facts.js'

export interface Session {
  net: GoogLeNet
  data: DataSet
  /** Its `checkpoint` is the run folder, which gets the report. */
  options: TrainOptions & { checkpoint: string }
  title: string
  subtitle: string
  /** What the report says of the configuration besides the options. */
  configuration?: Facts
  json: boolean
}

/** What a signal's sender is told. */
export const savingNotice = 'Saving a checkpoint before the end. Once more ends it at once.'

export interface SessionResult {
  history: TrainingHistory
  end: Extract<TrainEvent, { type: 'end' }>
  report: string
}

/** Trains, showing how it goes, and rewrites the run folder's report beside each checkpoint: at each epoch's end. */
export async function runSession(session: Session): Promise<SessionResult> {
  const { net, data, options } = session
  const { train } = await import('../training/train.js')
  const display = trainingDisplay(session.json)
  const history = new TrainingHistory()
  const path = reportPath(session)
  let end: SessionResult['end'] | undefined
  try {
    for await (const event of train(net, data, options)) {
      history.record(event)
      display.show(event)
      if (event.type === 'end') end = event
      if (event.type === 'checkpoint') await writeSessionReport(session, history, 'running')
    }
  } catch (error) {
    // The page must not go on saying that the training is under way; what failed counts more than the page.
    if (history.steps.length > 0) await writeSessionReport(session, history, 'aborted').catch(() => {})
    throw error
  } finally {
    display.close()
  }
  if (!end) throw new Error('the training came to no end')
  await writeSessionReport(session, history, end.reason)
  return { history, end, report: path }
}

const reportPath = (session: Session): string => join(session.options.checkpoint, 'report.html')

/** Writes the run folder's report; what it was tried on is the validation split unless `evaluation` says otherwise. */
export async function writeSessionReport(
  session: Session,
  history: TrainingHistory,
  state: RunReport['state'],
  evaluation?: Evaluated,
): Promise<void> {
  const { net, data, title, subtitle } = session
  const best: Evaluated | undefined = history.best && {
    on: `${history.best.report.samples} pictures kept for validation, epoch ${history.best.epoch + 1}`,
    report: history.best.report,
    source: data.validation,
  }
  await writeReport(reportPath(session), net, {
    title,
    subtitle,
    state,
    history,
    evaluated: evaluation ?? best,
    configuration: [
      ...networkFacts(net),
      ...trainingFacts(session.options),
      ...(session.configuration ?? []),
    ],
  })
}

/** An evaluation, the words for its pictures, and where they are. */
export interface Evaluated {
  on: string
  report: EvaluationReport
  source: SampleSource
}

interface Written extends Pick<RunReport, 'title' | 'subtitle' | 'state' | 'configuration'> {
  history?: TrainingHistory
  evaluated: Evaluated | undefined
}

/** Adds what comes from the network and the machine, and writes the page. */
export async function writeReport(
  path: string,
  net: GoogLeNet,
  { evaluated, ...report }: Written,
): Promise<void> {
  const filters = (await net.stateDict()).get('stem_conv.0.weight')
  const { defineNetwork } = await import('../options.js')
  const { bgr = false } = defineNetwork(net.options).input
  const page = renderReport({
    ...report,
    written: new Date(),
    ...(evaluated ? { evaluation: evaluated, pictures: await mistakePictures(evaluated) } : {}),
    ...(filters ? { filters: { ...filters, bgr } } : {}),
    environment: await environmentFacts(net),
  })
  await writeFileAtomic(path, page)
}

async function mistakePictures({ report, source }: Evaluated): Promise<Map<number, string>> {
  const { binding } = await import('../native.js')
  const loader = new binding.Loader({ threads: 1, channels: 3 })
  try {
    return await embedMistakes(source, report.mistakes, loader)
  } finally {
    loader.dispose()
  }
}
