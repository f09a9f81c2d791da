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
  since: number
  resolve: (predictions: Prediction[]) => void
  reject: (error: unknown) => void
}

/** Gathers pictures of many requests into batches: one batch runs, and those who come meanwhile are the next. */
export class Batcher {
  readonly #net: GoogLeNet
  readonly #options: BatchingOptions
  readonly #queue: Waiting[] = []
  #running = false
  #timer: NodeJS.Timeout | undefined

  constructor(net: GoogLeNet, options: BatchingOptions) {
    this.#net = net
    this.#options = options
  }

  get waiting(): number {
    return this.#queue.length
  }

  /** All classes, most probable first. Rejects with ERR_GOOGLENET_PICTURE for what is no picture. */
  classify(picture: Uint8Array): Promise<Prediction[]> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ picture, since: performance.now(), resolve, reject })
      this.#next()
    })
  }

  /** Begins a batch when it is full or its first picture has waited long enough; otherwise looks again later. */
  #next(): void {
    const { maxBatch, maxWait, onBatch } = this.#options
    clearTimeout(this.#timer)
    const [first] = this.#queue
    if (this.#running || first === undefined) return
    const left = first.since + maxWait - performance.now()
    if (this.#queue.length < maxBatch && left > 0) {
      this.#timer = setTimeout(() => this.#next(), left)
      return
    }
    const batch = this.#queue.splice(0, maxBatch)
    this.#running = true
    onBatch?.(batch.length)
    void this.#run(batch).finally(() => {
      this.#running = false
      this.#next()
    })
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
