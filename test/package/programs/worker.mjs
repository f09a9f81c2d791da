// esm.mjs on another thread, while this one stays free.
import { Worker } from 'node:worker_threads'

const worker = new Worker(new URL('./esm.mjs', import.meta.url), { argv: process.argv.slice(2) })
worker.on('exit', (code) => {
  process.exitCode = code
})
