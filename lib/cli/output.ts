import type { WriteStream } from 'node:tty'
import { styleText } from 'node:util'

type Format = Parameters<typeof styleText>[0]

/** Text in a colour where standard output is a terminal that shows colours. */
export function paint(format: Format, text: string, stream: WriteStream = process.stdout): string {
  return stream.isTTY && stream.hasColors() ? styleText(format, text) : text
}

export const print = (text = ''): void => {
  process.stdout.write(`${text}\n`)
}

/** On standard error, in the one form that errors have. */
export const printError = (code: string, message: string): void => {
  process.stderr.write(`error ${code}: ${message}\n`)
}

/** One JSON value on one line of standard output. */
export const printJson = (value: unknown): void => print(JSON.stringify(value))

/** A bar of block characters, `share` of `width` wide, to an eighth of a character. */
export function bar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8)
  return '█'.repeat(eighths >> 3) + (eighths & 7 ? ' ▏▎▍▌▋▊▉'[eighths & 7] : '')
}
