/**
 * What must be seen from outside of a process: how it ends while pictures are decoded, and what the garbage collector
 * does. Started by lifetime.test.ts as `node child.mjs <scenario> <picture> [delay]`, and by itself as a worker thread.
 */
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parentPort, Worker, workerData } from 'node:worker_threads'

const file = fileURLToPath(import.meta.url)
const { Loader } = createRequire(file)('node-gyp-build')(join(dirname(file), '../..'))
const [scenario, source, delay] = workerData ?? process.argv.slice(2)
const transform = { kind: 'eval', size: 64, resize: 64 }
const pictures = Array.from({ length: 100 }, (_, index) => ({ source, index }))
const open = () => new Loader({ threads: 2, channels: 3 })
const threads = () => readdirSync('/proc/self/task').length

async function startBusyWorkers() {
  const workers = [1, 2, 3].map(() => new Worker(file, { workerData: ['work', source] }))
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
  return workers
}

async function untilCollected(done) {
  while (!done()) {
    globalThis.gc()
    await wait(5)
  }
}

const scenarios = {
  async 'has nothing more to do'() {
    await open().decode(pictures, transform)
  },
  async 'waits for what it asked for'() {
    open()
      .decode(pictures, transform)
      .then(({ positions }) => console.log(positions.length))
  },
  async 'exits during work'() {
    const loader = open()
    for (let i = 0; i < 50; i++) loader.decode(pictures, transform)
    await wait(Number(delay))
    process.exit(3)
  },
  async 'exits right after dispose'() {
    const loader = open()
    loader.decode(pictures, transform).catch(() => {})
    loader.dispose()
    process.exit(3)
  },
  async 'exits while its workers work'() {
    await startBusyWorkers()
    await wait(Number(delay))
    process.exit(3)
  },
  async 'terminates its workers'() {
    const workers = await startBusyWorkers()
    await wait(Number(delay))
    await Promise.all(workers.map((worker) => worker.terminate()))
  },
  async 'forgets its loaders'() {
    const before = threads()
    for (let i = 0; i < 10; i++) await open().decode(pictures, transform)
    await untilCollected(() => threads() <= before)
    console.log('collected')
  },
  async 'forgets a loader with calls under way'() {
    const calls = (() => {
      const loader = open()
      return [loader.decode(pictures, transform), loader.decode(pictures, transform)]
    })()
    const settled = Promise.allSettled(calls)
    for (let i = 0; i < 20; i++) {
      globalThis.gc()
      await wait(1)
    }
    console.log((await settled).map(({ status }) => status).join(' '))
  },
  async 'forgets its batches'() {
    const loader = open()
    const large = { ...transform, size: 512, resize: 512 } // 79 MB a batch
    let most = 0
    for (let i = 0; i < 12; i++) {
      await loader.decode(pictures, large)
      most = Math.max(most, process.memoryUsage().external)
    }
    console.log(JSON.stringify({ external: most, rss: process.resourceUsage().maxRSS * 1024 }))
  },
  async 'keeps a batch longer than its loader'() {
    let loader = open()
    const { data } = await loader.decode(pictures, transform)
    const sum = () => data.reduce((total, value) => total + value, 0)
    const before = sum()
    loader.dispose()
    loader = undefined
    for (let i = 0; i < 10; i++) {
      globalThis.gc()
      await wait(2)
    }
    console.log(sum() === before)
  },

  // ---- in a worker thread
  async work() {
    const loader = open()
    await loader.decode(pictures, transform)
    parentPort.postMessage('working')
    for (;;) await Promise.all([loader.decode(pictures, transform), loader.decode(pictures, transform)])
  },
}

await scenarios[scenario]()
