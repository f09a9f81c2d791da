import { shown } from './checks.js'
import { GoogLeNetError } from './errors.js'

/** Runs calls in the order in which they came: one after another, but for those that may run beside each other. */
export class CallQueue {
  /** When the last call that ran alone has ended. */
  #alone: Promise<void> = Promise.resolve()
  /** When the last call has begun. */
  #begun: Promise<unknown> = Promise.resolve()
  /** When those that came after the last that ran alone have ended: as many as a next one must know of. */
  #beside: Promise<void>[] = []
  /** Calls whose parts come into the queue later. */
  readonly #underWay = new Set<Promise<unknown>>()

  /**
   * The result of `call` once its turn has come. A call that has begun is not broken off. Of calls in a row that say
   * so, `atOnce` may be under way.
   *
   * @throws ERR_GOOGLENET_ABORTED, at once, when the signal fires before the call has begun.
   */
  run<T>(call: () => T | Promise<T>, signal?: AbortSignal, atOnce = 1): Promise<T> {
    checkNotAborted(signal)
    return new Promise<T>((resolve, reject) => {
      const abort = () => reject(abortedError(signal))
      signal?.addEventListener('abort', abort, { once: true })
      const before = atOnce > 1 ? this.#beside.slice(0, 1 - atOnce) : this.#beside
      const begun = Promise.all([this.#alone, this.#begun, ...before]).then(() => {
        signal?.removeEventListener('abort', abort)
        const running = signal?.aborted ? undefined : (async () => call())()
        return { ended: running?.then(resolve, reject) }
      })
      const ended = begun.then((turn) => turn.ended)
      this.#begun = begun
      this.#beside = atOnce > 1 ? [...this.#beside, ended].slice(-atOnce) : []
      if (atOnce === 1) this.#alone = ended
    })
  }

  /** A call made of several that it runs when it knows them, as when it has read a file; `close` waits for it. */
  async during<T>(call: () => Promise<T>): Promise<T> {
    const result = call()
    this.#underWay.add(result)
    return result.finally(() => this.#underWay.delete(result))
  }

  /** Runs what must be last, once all calls made so far have ended. */
  async close(last: () => void): Promise<void> {
    await Promise.allSettled(this.#underWay)
    await this.run(last)
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
