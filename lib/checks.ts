import { type ErrorCode, GoogLeNetError } from './errors.js'

/** The numbers that an argument may be. */
export interface Range {
  min: number
  /** Inclusive; none when absent. */
  max?: number
  /** Exclusive; none when absent. */
  below?: number
  whole?: boolean
}

/** A value as an error message shows it: short, and telling apart what looks alike. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  if (ArrayBuffer.isView(value) && 'length' in value) return `${value.constructor.name}(${value.length})`
  if (Array.isArray(value)) {
    const items = value.slice(0, 8).map((item) => (typeof item === 'object' ? '...' : shown(item)))
    return `[${items.join(', ')}${value.length > 8 ? `, ... ${value.length} in all` : ''}]`
  }
  return `an object of type ${value.constructor?.name ?? 'Object'}`
}

/** @throws ERR_GOOGLENET_OPTION (or `code`) unless `value` is a finite number of the range. */
export function checkNumber(
  name: string,
  value: unknown,
  range: Range,
  code: ErrorCode = 'ERR_GOOGLENET_OPTION',
): number {
  const { min, max = Number.POSITIVE_INFINITY, below = Number.POSITIVE_INFINITY, whole = false } = range
  const good = typeof value === 'number' && (whole ? Number.isSafeInteger(value) : Number.isFinite(value))
  if (good && value >= min && value <= max && value < below) return value
  const upper = range.max === undefined ? '' : ` to ${range.max}`
  const bounds = `from ${min}${upper}${range.below === undefined ? '' : ` to below ${range.below}`}`
  const kind = whole ? 'a whole number' : 'a number'
  throw new GoogLeNetError(code, `${name} must be ${kind} ${bounds}, found ${shown(value)}`)
}

/** @throws ERR_GOOGLENET_OPTION unless `value` is one of `choices`. */
export function checkChoice<T extends string>(name: string, value: unknown, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value)
  if (found !== undefined) return found
  const list = choices.map((choice) => `'${choice}'`).join(', ')
  throw new GoogLeNetError('ERR_GOOGLENET_OPTION', `${name} must be one of ${list}, found ${shown(value)}`)
}

/** @throws ERR_GOOGLENET_OPTION unless `value` is true or false. */
export function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw new GoogLeNetError('ERR_GOOGLENET_OPTION', `${name} must be true or false, found ${shown(value)}`)
}
