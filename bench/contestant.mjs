/** A process that does the work of the benchmark's cases when asked: ours, or a peer's (peers/protocol.py). */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export class Contestant {
  #child
  #replies
  #name

  /** @param {string} name @param {string[]} command */
  constructor(name, [program, ...args]) {
    this.#name = name
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child.stdin.on('error', () => {}) // The end of the replies tells of a process that has gone.
    this.#replies = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  async #ask(request) {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`)
    const { value, done } = await this.#replies.next()
    if (done) throw new Error(`${this.#name} ended in the middle of ${request.do}`)
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
    this.#child.kill('SIGKILL')
  }
}
