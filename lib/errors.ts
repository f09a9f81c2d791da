/** Every code that an error of this package can carry. */
export type ErrorCode =
  | 'ERR_GOOGLENET_OPTION'
  | 'ERR_GOOGLENET_SHAPE'
  | 'ERR_GOOGLENET_DTYPE'
  | 'ERR_GOOGLENET_LABEL'
  | 'ERR_GOOGLENET_DEVICE'
  | 'ERR_GOOGLENET_PRECISION'
  | 'ERR_GOOGLENET_MEMORY'
  | 'ERR_GOOGLENET_DISPOSED'
  | 'ERR_GOOGLENET_ABORTED'
  | 'ERR_GOOGLENET_NATIVE'
  | 'ERR_GOOGLENET_BUILD'
  | 'ERR_GOOGLENET_PROCESSOR'
  | 'ERR_GOOGLENET_WEIGHTS_FORMAT'
  | 'ERR_GOOGLENET_WEIGHTS_MISSING'
  | 'ERR_GOOGLENET_WEIGHTS_UNEXPECTED'
  | 'ERR_GOOGLENET_CHECKPOINT'
  | 'ERR_GOOGLENET_DATA'
  | 'ERR_GOOGLENET_PICTURE'
  | 'ERR_GOOGLENET_DIVERGED'
  | 'ERR_GOOGLENET_IO'

/** A failure that a user can cause or must know of: `code` for programs, the message for people. */
export class GoogLeNetError extends Error {
  override readonly name = 'GoogLeNetError'
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** Wraps what the operating system or the addon threw, keeping its text and naming what was being done. */
export function asGoogLeNetError(error: unknown, fallback: ErrorCode, doing: string): GoogLeNetError {
  if (error instanceof GoogLeNetError) return error
  const found = error as { code?: unknown; message?: unknown }
  const message = typeof found?.message === 'string' ? found.message : String(error)
  const code =
    typeof found?.code === 'string' && found.code.startsWith('ERR_GOOGLENET_')
      ? (found.code as ErrorCode)
      : fallback
  return new GoogLeNetError(code, doing ? `${doing}: ${message}` : message, { cause: error })
}
