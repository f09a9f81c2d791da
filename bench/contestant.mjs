/** A process that does the work of the benchmark's cases when asked: ours, or a peer's (peers/protocol.py). */
import { spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** For programs of this machine: without the libraries that the bundle's run.sh puts before theirs. */
export function hostEnvironment() {
  const { GOOGLENET_HOST_LIBRARY_PATH: path, ...env } = process.env
  return path === undefined ? env : { ...env, LD_LIBRARY_PATH: path }
}

export class Contestant {
  #child
  #lines
  #replies
  #name
  #patience
  /** Whether the process is gone. */
  ended = false

  /**
   * @param {string} name
   * @param {string[]} command
   * @param {{ env?: NodeJS.ProcessEnv, log?: string, patience?: number }} options `log`: a file for what it says beside
   * its replies; `patience`: seconds after which it is ended in the middle of its work.
   */
  constructor(name, [program, ...args], { env = process.env, log, patience } = {}) {
    this.#name = name
    this.#patience = patience
    const stderr = log === undefined ? 'inherit' : openSync(log, 'a')
    this.#child = spawn(program, args, { env, stdio: ['pipe', 'pipe', stderr] })
    // The end of the replies tells of a process that has gone.
    this.#child.on('error', () => {})
    this.#child.stdin.on('error', () => {})
    this.#lines = createInterface({ input: this.#child.stdout })
    this.#replies = this.#lines[Symbol.asyncIterator]()
  }

  async #ask(request) {
    const begun = performance.now()
    const seconds = this.#patience
    const timer = seconds === undefined ? undefined : setTimeout(() => this.kill(), 1000 * seconds)
    this.#child.stdin.write(`${JSON.stringify(request)}\n`)
    const { value, done } = await this.#replies.next()
    clearTimeout(timer)
    if (done) {
      this.ended = true
      const after = ((performance.now() - begun) / 1000).toFixed(0)
      throw new Error(`${this.#name} ended in the middle of ${request.do}, after ${after} s`)
    }
    const reply = JSON.parse(value)
    if (reply.error) throw new Error(`${this.#name}: ${reply.error}`)
    return reply
  }

  versions() {
    return this.#ask({ do: 'versions' })
  }

  /** Builds what the case needs and does its work once. */
  prepare(id, work) {
    return this.#ask({ do: 'prepare', id, case: work })
  }

  /** Images a second over at least that many seconds. */
  async run(id, seconds) {
    const reply = await this.#ask({ do: 'run', id, seconds })
    return reply.images / reply.seconds
  }

  forget() {
    return this.#ask({ do: 'forget' })
  }

  /** The most memory, in bytes, that the process has held so far. */
  async peakMemory() {
    return (await this.#ask({ do: 'peakMemory' })).bytes
  }

  end() {
    this.#child.stdin.end()
  }

  /** Ends it in the middle of its work. */
  kill() {
    this.ended = true
    this.#child.kill('SIGKILL')
    // What it started may keep its output open.
    this.#lines.close()
  }
}
