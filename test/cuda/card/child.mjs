/**
 * A process of its own for process.test.ts: `node child.mjs <scenario>`, and by itself as a worker thread. Prints what
 * the test reads.
 */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { parentPort, Worker, workerData } from 'node:worker_threads'

const file = fileURLToPath(import.meta.url)
const { Network } = createRequire(file)('node-gyp-build')(fileURLToPath(new URL('../../..', import.meta.url)))
const [scenario, json] = workerData ?? process.argv.slice(2)
const { definition, options, batch, labels, step } = JSON.parse(json)

/** The losses of as many steps. */
async function train(steps) {
  const network = await Network.create(definition, options)
  const images = { ...batch, data: Float32Array.from(batch.data) }
  const losses = []
  for (let i = 0; i < steps; i++) {
    losses.push((await network.trainStep(images, Int32Array.from(labels), step)).loss)
  }
  network.dispose()
  return losses
}

const startWorker = (task) => new Worker(file, { workerData: [task, json] })
const messageOf = (worker) => new Promise((resolve) => worker.once('message', resolve))

const scenarios = {
  async 'one step'() {
    console.log(JSON.stringify(await train(1)))
  },
  async 'trains in workers'() {
    const workers = await Promise.all([1, 2, 3].map(() => messageOf(startWorker('train'))))
    console.log(JSON.stringify([await train(5), ...workers]))
  },
  async 'terminates its workers'() {
    const workers = [1, 2].map(() => startWorker('work'))
    await Promise.all(workers.map(messageOf))
    await Promise.all(workers.map((worker) => worker.terminate()))
    console.log(JSON.stringify(await train(5)))
  },

  // ---- in a worker thread
  async train() {
    parentPort.postMessage(await train(5))
  },
  async work() {
    await train(1)
    parentPort.postMessage('working')
    for (;;) await train(100)
  },
}

await scenarios[scenario]()
