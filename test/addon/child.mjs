/**
 * What must be seen from outside of a process: how it ends, and what is left when the garbage collector has run.
 * Started by lifetime.test.ts as `node child.mjs <scenario> <JSON of definition, options, batch and step> [delay]`, and
 * by itself as a worker thread. Prints what the test reads; any other exit code than the expected one is a failure.
 */
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { constants, PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parentPort, Worker, workerData } from 'node:worker_threads'

const file = fileURLToPath(import.meta.url)
const { Loader, Network } = createRequire(file)('node-gyp-build')(join(dirname(file), '../..'))
const [scenario, json, wanted] = workerData ?? process.argv.slice(2)
const delay = Number(wanted ?? 0)
const given = JSON.parse(json)
const batch = { ...given.batch, data: Float32Array.from(given.batch.data) }
const labels = Int32Array.from(given.labels)

const create = () => Network.create(given.definition, given.options)
const train = (network) => network.trainStep(batch, labels, given.step)
const weights = async (network) => (await network.getTensors('weights')).map(({ data }) => [...data])
const threads = () => readdirSync('/proc/self/task').length
const startWorker = (task) => new Worker(file, { workerData: [task, json] })
const messageOf = (worker) => new Promise((resolve) => worker.once('message', resolve))

async function untilCollected(done) {
  while (!done()) {
    globalThis.gc()
    await wait(5)
  }
}

async function startBusyWorkers(task = 'work') {
  const workers = [startWorker(task), startWorker(task), startWorker(task)]
  await Promise.all(workers.map(messageOf))
  return workers
}

/** The most threads seen, and the collections that Node made of its own accord. */
async function createMany(leave) {
  let collections = 0
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries()) {
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) collections++
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  let mostThreads = 0
  for (let i = 0; i < 60; i++) {
    leave(await create())
    mostThreads = Math.max(mostThreads, threads())
    await wait(1)
  }
  await wait(20)
  return { mostThreads, collections }
}

const scenarios = {
  async 'ends by itself'() {
    await train(await create())
  },
  async 'exits while creating'() {
    create()
    await wait(delay)
    process.exit(3)
  },
  async 'exits in the first step'() {
    const network = await create()
    for (let i = 0; i < 4; i++) train(network)
    await wait(delay)
    process.exit(3)
  },
  async 'exits in a later step'() {
    const network = await create()
    await train(network)
    for (let i = 0; i < 100; i++) train(network)
    await wait(delay)
    process.exit(3)
  },
  async 'exits right after dispose'() {
    const network = await create()
    train(network)
    network.dispose()
    process.exit(3)
  },
  async 'throws during a step'() {
    const network = await create()
    for (let i = 0; i < 4; i++) train(network)
    await wait(delay)
    setImmediate(() => {
      throw new Error('thrown on purpose')
    })
  },
  async 'calls in its exit handler'() {
    const network = await create()
    process.on('exit', () => train(network).catch(() => {}))
    process.exit(3)
  },
  async 'terminates its workers'(task) {
    const workers = await startBusyWorkers(task)
    await wait(delay)
    await Promise.all(workers.map((worker) => worker.terminate()))
    await train(await create())
  },
  async 'terminates workers whose networks hold batches'() {
    await scenarios['terminates its workers']('train on pictures')
  },
  async 'exits while its workers work'() {
    await startBusyWorkers()
    await wait(delay)
    process.exit(3)
  },
  async 'trains in workers'() {
    const results = await Promise.all([1, 2, 3].map(() => messageOf(startWorker('train'))))
    const network = await create()
    await train(network)
    const here = JSON.stringify(await weights(network))
    console.log(results.every((result) => JSON.stringify(result) === here))
  },
  async 'cannot have its memory'() {
    const [head] = given.definition.layers.slice(-1)
    const layers = [
      ...given.definition.layers.slice(0, -1),
      { ...head, input: 'relu', outFeatures: 2 ** 20 - 1 },
    ]
    await Network.create({ ...given.definition, layers }, given.options).catch((error) =>
      console.log(error.code),
    )
    await train(await create())
  },
  async 'forgets its networks'() {
    const rss = process.memoryUsage.rss
    const before = { threads: threads(), memory: rss() }
    let most = 0
    for (let i = 0; i < 5; i++) {
      await train(await create())
      most = Math.max(most, rss() - before.memory)
    }
    // Half: code and caches stay.
    await untilCollected(() => threads() <= before.threads && rss() - before.memory < most / 2)
    console.log('collected')
  },
  async 'forgets many networks'() {
    console.log(JSON.stringify(await createMany(() => {})))
  },
  async 'disposes of many networks'() {
    console.log(JSON.stringify(await createMany((network) => network.dispose())))
  },
  async 'forgets a network with calls under way'() {
    const calls = await (async () => {
      const network = await create()
      return [train(network), train(network), train(network), network.getTensors('weights')]
    })()
    const settled = Promise.allSettled(calls)
    for (let i = 0; i < 20; i++) {
      globalThis.gc()
      await turn()
    }
    console.log((await settled).map(({ status }) => status).join(' '))
  },

  // ---- in a worker thread
  async work() {
    const network = await create()
    await train(network)
    parentPort.postMessage('working')
    for (;;) await Promise.all([train(network), train(network), network.getTensors('weights')])
  },
  async 'train on pictures'() {
    const network = await create()
    const loader = new Loader({ threads: 1, channels: 3 })
    const pictures = Array.from({ length: 8 }, (_, index) => ({
      source: Uint8Array.from(given.picture),
      index,
    }))
    const decode = () => loader.decode(pictures, { kind: 'eval', size: 16, resize: 16 })
    await decode()
    parentPort.postMessage('working')
    for (;;) {
      const images = { data: (await decode()).data, shape: [8, 3, 16, 16], layout: 'nhwc' }
      await Promise.all([1, 2, 3, 4].map(() => network.trainStep(images, labels, given.step)))
    }
  },
  async train() {
    const network = await create()
    await train(network)
    parentPort.postMessage(await weights(network))
  },
}

await scenarios[scenario]()
