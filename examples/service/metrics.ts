import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** What the service counts, in Prometheus' names and text format. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #registers = { registers: [this.#registry] }

  readonly requests = new Counter({
    name: 'googlenet_requests_total',
    help: 'Answered requests to classify a picture, by status.',
    labelNames: ['status'],
    ...this.#registers,
  })
  readonly seconds = new Histogram({
    name: 'googlenet_request_seconds',
    help: 'From the arrival of a request to its answer.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    ...this.#registers,
  })
  readonly batchSize = new Histogram({
    name: 'googlenet_batch_size',
    help: 'Pictures that were classified together.',
    buckets: [1, 2, 4, 8, 16, 32, 64],
    ...this.#registers,
  })
  readonly inFlight = new Gauge({
    name: 'googlenet_requests_in_flight',
    help: 'Accepted requests that have no answer yet.',
    ...this.#registers,
  })

  get contentType(): string {
    return this.#registry.contentType
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }
}
