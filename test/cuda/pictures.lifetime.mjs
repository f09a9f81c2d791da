/**
 * Started by pictures.test.ts as `node pictures.lifetime.mjs <addon> <picture>`: workers are terminated while a card
 * decodes for them, a loader is disposed of, one is forgotten, and the process ends in the midst of a batch. Prints what
 * became of the batches of the loader that was disposed of.
 */
import { createRequire } from 'node:module'
import { setTimeout } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const [addon, source] = workerData ?? process.argv.slice(2)
const { Loader } = createRequire(import.meta.url)(addon)
const open = () => new Loader({ threads: 4, channels: 3, decoder: 'cuda' })
const pictures = Array.from({ length: 100 }, (_, index) => ({ source, index }))
const decode = (loader) => loader.decode(pictures, { kind: 'eval', size: 32, resize: 36 })

if (isMainThread) {
  for (let i = 0; i < 4; i++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: [addon, source] })
    await new Promise((resolve) => worker.once('message', resolve))
    await setTimeout(10 * i)
    await worker.terminate()
  }
  const loader = open()
  const batches = [decode(loader), decode(loader)]
  loader.dispose()
  const settled = await Promise.allSettled(batches)
  decode(open()).then(() => {})
  decode(open()).then(() => {})
  await setTimeout(20)
  console.log(JSON.stringify(settled.map(({ reason, value }) => reason?.code ?? value.onGpu)))
  process.exit(0)
} else {
  decode(open())
  parentPort.postMessage('begun')
}
