/** One line a step: what is done and how long it took; what the command itself prints only if it fails. */
import { spawn } from 'node:child_process'

/** A failure to be shown as its message alone. */
export class SetupError extends Error {}

const TAIL_LINES = 40

/**
 * Runs a command as a step and returns what it printed. On a terminal, Ninja's `[7/42]` in it shows how far it is.
 * @param {string} title @param {string[]} command @param {import('node:child_process').SpawnOptions} options
 */
export async function step(title, [program, ...args], options = {}) {
  const started = Date.now()
  const terminal = process.stderr.isTTY
  const seconds = () => `${Math.round((Date.now() - started) / 1000)} s`
  let output = ''
  let share = ''
  const show = () => process.stderr.write(`\r  ${title} ... ${share}${seconds()} `)
  if (!terminal) process.stderr.write(`  ${title} ...\n`)
  const timer = terminal ? setInterval(show, 500) : undefined

  const code = await new Promise((resolve) => {
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    const collect = (chunk) => {
      output += chunk
      const [done, all] = /\[(\d+)\/(\d+)\]/.exec(chunk)?.slice(1) ?? []
      if (all > 2) share = `${done} of ${all}, `
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('error', (error) => {
      output += error.message
      resolve(127)
    })
    child.on('close', (status, signal) => resolve(status ?? signal))
  })
  clearInterval(timer)
  if (terminal) process.stderr.write('\r\x1b[K')
  if (code !== 0) {
    const tail = output.trimEnd().split('\n').slice(-TAIL_LINES).join('\n')
    throw new SetupError(`${title} failed (${[program, ...args].join(' ')}: ${code})\n\n${tail}`)
  }
  process.stderr.write(`  ${title}: ${seconds()}\n`)
  return output
}

/** A line among those of the steps. */
export function note(text) {
  process.stderr.write(`  ${text}\n`)
}
