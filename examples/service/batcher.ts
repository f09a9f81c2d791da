import { type GoogLeNet, GoogLeNetError, type Prediction } from 'googlenet'

export interface BatchingOptions {
  /** Pictures that are classified together, at most. */
  maxBatch: number
  /** How long a picture waits for others, in milliseconds, while the network has nothing to do. */
  maxWait: number
  /** Told the size of every batch as it begins. */
  onBatch?: (size: number) => void
}

interface Waiting {
  picture: Uint8Array
  signal: AbortSignal
  since: number
  resolve: (predictions: Prediction[]) => void
  reject: (error: unknown) => void
}

/** Gathers pictures of many requests into batches: one batch runs, and those who come meanwhile are the next. */
export class Batcher {
  readonly #net: GoogLeNet
  #options: BatchingOptions
  #queue: Waiting[] = []
  #running: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(net: GoogLeNet, options: BatchingOptions) {
    this.#net = net
    this.#options = options
  }

  get waiting(): number {
    return this.#queue.length
  }

  /**
   * All classes, most probable first. Rejects with ERR_GOOGLENET_PICTURE for what is no picture, and with the signal's
   * reason when that fires before its batch has begun.
   */
  classify(picture: Uint8Array, signal: AbortSignal): Promise<Prediction[]> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ picture, signal, since: performance.now(), resolve, reject })
      this.#next()
    })
  }

  /** Resolves when nothing runs or waits any more; what waits begins at once. */
  async close(): Promise<void> {
    this.#options = { ...this.#options, maxWait: 0 }
    this.#next()
    while (this.#running) await this.#running
  }

  /** Begins a batch when it is full or its first picture has waited long enough; otherwise looks again later. */
  #next(): void {
    const { maxBatch, maxWait, onBatch } = this.#options
    clearTimeout(this.#timer)
    if (this.#running) return
    this.#dropAborted()
    const [first] = this.#queue
    if (first === undefined) return
    const left = first.since + maxWait - performance.now()
    if (this.#queue.length < maxBatch && left > 0) {
      this.#timer = setTimeout(() => this.#next(), left)
      return
    }
    const batch = this.#queue.splice(0, maxBatch)
    onBatch?.(batch.length)
    this.#running = this.#run(batch).finally(() => {
      this.#running = undefined
      this.#next()
    })
  }

  #dropAborted(): void {
    for (const { signal, reject } of this.#queue) if (signal.aborted) reject(signal.reason)
    this.#queue = this.#queue.filter(({ signal }) => !signal.aborted)
  }

  /** One broken picture spoils a batch: then both halves are tried, until it is alone. */
  async #run(batch: Waiting[]): Promise<void> {
    try {
      const pictures = batch.map(({ picture }) => picture)
      const results = await this.#net.classify(pictures, { top: this.#net.options.classes })
      for (const [i, { resolve }] of batch.entries()) resolve(results[i]!)
    } catch (error) {
      const isBroken = error instanceof GoogLeNetError && error.code === 'ERR_GOOGLENET_PICTURE'
      const half = batch.length >> 1
      if (!isBroken || half === 0) for (const { reject } of batch) reject(error)
      else for (const part of [batch.slice(0, half), batch.slice(half)]) await this.#run(part)
    }
  }
}
