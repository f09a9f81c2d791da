/**
 * An HTTP service that says what pictures show.
 *
 *   npx tsx examples/service/main.ts run/ --port 8080
 *   curl --data-binary @holiday.jpg -H 'content-type: image/jpeg' 'localhost:8080/classify?top=3'
 */
import { parseArgs } from 'node:util'
import { GoogLeNet } from 'googlenet'
import { createService } from './server.js'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '8080' },
    'max-batch': { type: 'string', default: '16' },
    'max-wait': { type: 'string', default: '5' },
    'max-in-flight': { type: 'string', default: '128' },
  },
})
const [model] = positionals
if (!model) {
  console.error(
    'usage: main.ts <model> [--host h] [--port n] [--max-batch n] [--max-wait ms] [--max-in-flight n]',
  )
  process.exit(2)
}

const net = await GoogLeNet.open(model)
const app = createService(net, {
  maxBatch: Number(values['max-batch']),
  maxWait: Number(values['max-wait']),
  maxInFlight: Number(values['max-in-flight']),
  maxBytes: 32 * 2 ** 20,
})
// Each size of batch is planned when it first comes; the largest is the one that takes longest.
await net.plan(Number(values['max-batch']), 'eval')
console.log(`listening on ${await app.listen({ host: values.host, port: Number(values.port) })}`)

async function shutDown(signal: NodeJS.Signals): Promise<void> {
  console.log(`${signal}: answering what was accepted`)
  await app.close() // takes no more connections, and waits for the answers of those that are open
  net.dispose()
  console.log('closed')
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, shutDown)
