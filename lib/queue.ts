import { shown } from './checks.js'
import { GoogLeNetError } from './errors.js'

/** Runs calls one after another, in the order in which they came. */
export class CallQueue {
  #last: Promise<void> = Promise.resolve()

  /**
   * The result of `call` once its turn has come. A call that has begun is not broken off.
   *
   * @throws ERR_GOOGLENET_ABORTED, at once, when the signal fires before the call has begun.
   */
  run<T>(call: () => T | Promise<T>, signal?: AbortSignal): Promise<T> {
    checkNotAborted(signal)
    return new Promise<T>((resolve, reject) => {
      const abort = () => reject(abortedError(signal))
      signal?.addEventListener('abort', abort, { once: true })
      this.#last = this.#last.then(async () => {
        signal?.removeEventListener('abort', abort)
        if (signal?.aborted) return
        try {
          resolve(await call())
        } catch (error) {
          reject(error)
        }
      })
    })
  }
}

/** @throws ERR_GOOGLENET_ABORTED; ERR_GOOGLENET_OPTION for what is no AbortSignal. */
export function checkNotAborted(signal: AbortSignal | undefined): void {
  if (signal === undefined) return
  if (!(signal instanceof AbortSignal)) {
    throw new GoogLeNetError('ERR_GOOGLENET_OPTION', `signal must be an AbortSignal, found ${shown(signal)}`)
  }
  if (signal.aborted) throw abortedError(signal)
}

function abortedError(signal: AbortSignal | undefined): GoogLeNetError {
  return new GoogLeNetError('ERR_GOOGLENET_ABORTED', 'aborted by its signal', { cause: signal?.reason })
}
