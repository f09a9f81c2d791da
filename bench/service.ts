/**
 * Pictures a second that the service in examples/service answers within a bound of latency, with batches across
 * requests and one by one. autocannon loads it over ever more connections; of the rates whose 99th percentile
 * keeps to the bound, the highest counts.
 *
 *   npm run bench:service -- --bound 250 --image-size 224 --seconds 4
 */
import { readdirSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import autocannon from 'autocannon'
import { GoogLeNet } from 'googlenet'
import { createService } from '../examples/service/server.js'

const { values } = parseArgs({
  options: {
    bound: { type: 'string', default: '250' },
    'image-size': { type: 'string', default: '224' },
    precision: { type: 'string', default: 'fp32' },
    device: { type: 'string', default: 'auto' },
    seconds: { type: 'string', default: '4' },
  },
})
const bound = Number(values.bound)
const connectionCounts = [1, 2, 4, 8, 16, 32, 64]

const folder = new URL('pictures/', import.meta.url)
const name = readdirSync(folder).find((file) => file.endsWith('.jpg'))!
const picture = readFileSync(new URL(name, folder))
const net = await GoogLeNet.create({
  imageSize: Number(values['image-size']),
  precision: values.precision as 'fp32' | 'bf16' | 'fp16',
  device: values.device as 'auto' | 'cpu' | 'cuda',
})

/** Starts a service. @returns What loads it, with images a second where its answers keep to the bound. */
async function contestant(title: string, maxBatch: number, maxWait: number) {
  const app = createService(net, { maxBatch, maxWait, maxInFlight: 1024, maxBytes: 2 ** 24 })
  const url = `${await app.listen({ host: '127.0.0.1', port: 0 })}/classify`
  const headers = { 'content-type': 'image/jpeg' }
  const load = (connections: number, duration: number) =>
    autocannon({ url, connections, duration, method: 'POST', body: picture, headers })
  const measure = async (connections: number): Promise<number> => {
    await load(connections, 1) // each size of batch is planned when it first comes
    const { requests, latency, non2xx, errors } = await load(connections, Number(values.seconds))
    console.log(
      `${String(connections).padStart(3)} connections, ${title.padEnd(10)} ` +
        `${requests.average.toFixed(0).padStart(5)} images/s, p50 ${latency.p50} ms, p99 ${latency.p99} ms`,
    )
    return latency.p99 <= bound && non2xx + errors === 0 ? requests.average : 0
  }
  return { measure, best: 0, close: () => app.close() }
}

const oneByOne = await contestant('one by one', 1, 0)
const batched = await contestant('in batches', 32, 5)
// Turn by turn, so that what else the machine does meets both.
for (const connections of connectionCounts) {
  const rates = [await oneByOne.measure(connections), await batched.measure(connections)] as const
  oneByOne.best = Math.max(oneByOne.best, rates[0])
  batched.best = Math.max(batched.best, rates[1])
  if (rates[0] + rates[1] === 0) break
}
console.log(
  `with a 99th percentile of ${bound} ms at most, on ${net.options.device}: ${batched.best.toFixed(0)} images/s ` +
    `in batches, ${oneByOne.best.toFixed(0)} one by one: ${(batched.best / oneByOne.best).toFixed(2)} times`,
)
await Promise.all([oneByOne.close(), batched.close()])
net.dispose()
