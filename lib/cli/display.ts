import { SingleBar } from 'cli-progress'
import { compact, count, decimal, duration, percent, rate } from '../report/format.js'
import type { TrainEvent } from '../training/events.js'
import { paint, print, printJson } from './output.js'

type EventOf<T extends TrainEvent['type']> = Extract<TrainEvent, { type: T }>

/** Shows a training to whoever watches it. */
export interface Display {
  show(event: TrainEvent): void
  /** Leaves the terminal as it was. */
  close(): void
}

/** JSON lines for scripts; otherwise a table with a line an epoch, and a progress bar where there is a terminal. */
export const trainingDisplay = (json: boolean): Display => (json ? new JsonDisplay() : new TableDisplay())

class JsonDisplay implements Display {
  show(event: TrainEvent): void {
    printJson(brief(event))
  }
  close(): void {}
}

/** Without what is too long for a line: the confusion matrix of 1000 classes has a million cells. */
function brief(event: TrainEvent): object {
  if (event.type === 'epoch') return { ...event, report: undefined }
  if (event.type !== 'start' || !event.resumed) return event
  return { ...event, resumed: { ...event.resumed, epochs: undefined, steps: undefined } }
}

/** The table goes to standard output, what passes by (bar, notes) to standard error. */
class TableDisplay implements Display {
  readonly #progress = openProgress()
  #validated = false
  #epochs = 0
  /** An epoch's line, until its checkpoint says whether it is the best. */
  #row = ''
  #skipped = 0

  show(event: TrainEvent): void {
    switch (event.type) {
      case 'start':
        this.#validated = event.validationSamples > 0
        this.#epochs = event.epochs
        this.#begin(event)
        break
      case 'step':
        this.#progress.update(
          `epoch ${this.#ordinal(event.epoch)}`,
          event.stepInEpoch,
          event.stepsPerEpoch,
          `loss ${decimal(event.train.loss, 3)}  top-1 ${percent(event.train.top1)}  ` +
            `${rate(event.imagesPerSecond)}  ${duration(event.secondsLeft)} left`,
        )
        break
      case 'validating':
        this.#progress.update(`epoch ${this.#ordinal(event.epoch)}`, event.done, event.samples, 'validating')
        break
      case 'epoch':
        this.#row = this.#rowOf(event)
        break
      case 'checkpoint':
        this.#printRow(event.best && this.#validated)
        break
      case 'skipped':
        this.#note(event)
        break
    }
  }

  close(): void {
    this.#printRow(false)
  }

  #ordinal(epoch: number): string {
    return `${String(epoch + 1).padStart(String(this.#epochs).length)}/${this.#epochs}`
  }

  #begin(event: EventOf<'start'>): void {
    const validation = this.#validated ? `, ${count(event.validationSamples)} for validation` : ''
    print(
      `${count(event.samples)} pictures${validation}; ${count(event.stepsPerEpoch)} steps of ${event.batchSize} an epoch`,
    )
    if (event.resumed) {
      print(
        `Going on from ${event.resumed.path}: epoch ${event.resumed.epoch + 1}, step ${count(event.resumed.step)}`,
      )
    }
    print()
    const titles = [
      'epoch',
      'lr',
      'loss',
      'top-1',
      ...(this.#validated ? ['val loss', 'val top-1'] : []),
      'img/s',
      'time',
    ]
    print(paint('dim', cells(titles)))
  }

  #rowOf({ epoch, learningRate, train, validation, imagesPerSecond, seconds }: EventOf<'epoch'>): string {
    return cells([
      this.#ordinal(epoch),
      compact(learningRate),
      decimal(train.loss),
      percent(train.top1),
      ...(validation ? [decimal(validation.loss), percent(validation.top1)] : []),
      count(imagesPerSecond),
      duration(seconds),
    ])
  }

  #printRow(best: boolean): void {
    this.#progress.clear()
    if (this.#row) print(this.#row + (best ? paint('green', '  best') : ''))
    this.#row = ''
  }

  #note({ name, reason }: EventOf<'skipped'>): void {
    this.#skipped++
    if (this.#skipped > 5) return
    this.#progress.clear()
    const more = this.#skipped === 5 ? ' (further ones are in the report only)' : ''
    process.stderr.write(`skipped ${name}: ${reason}${more}\n`)
  }
}

const cells = (row: string[]): string => row.map((cell) => cell.padStart(10)).join(' ')

/** What passes by while there is work. */
export interface Progress {
  update(label: string, done: number, total: number, text: string): void
  clear(): void
}

/** A bar on a terminal, lines in a log, nothing for scripts. */
export function openProgress(json = false): Progress {
  if (json) return { update() {}, clear() {} }
  return process.stderr.isTTY ? new Bar() : new Lines()
}

/** A bar that takes one line of the terminal. */
class Bar implements Progress {
  readonly #bar = new SingleBar({
    format: '{label}  {bar} {percentage} %  {text}',
    barsize: Math.min(30, Math.max(8, (process.stderr.columns ?? 80) - 72)),
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    clearOnComplete: true,
  })
  #shown = false

  update(label: string, done: number, total: number, text: string): void {
    if (!this.#shown) this.#bar.start(total, done, { label, text })
    this.#shown = true
    this.#bar.setTotal(total)
    this.#bar.update(done, { label, text })
  }

  clear(): void {
    if (this.#shown) this.#bar.stop()
    this.#shown = false
  }
}

/** For logs: a plain line every few seconds. */
class Lines implements Progress {
  readonly #seconds = 5
  #last = performance.now()

  update(label: string, done: number, total: number, text: string): void {
    if (performance.now() - this.#last < this.#seconds * 1000) return
    this.#last = performance.now()
    process.stderr.write(`${label}, ${count(done)} of ${count(total)}: ${text}\n`)
  }

  clear(): void {}
}
