const signalExitCodes = { SIGINT: 130, SIGTERM: 143 } as const
type Signal = keyof typeof signalExitCodes

/** The work was ended by a signal and has tidied up: the process is to end with the code that says so. */
export class Interrupted extends Error {
  readonly exitCode: number
  constructor(signal: Signal) {
    super(`ended by ${signal}`)
    this.exitCode = signalExitCodes[signal]
  }
}

/**
 * Runs work whose AbortSignal fires at SIGINT (Ctrl-C) or SIGTERM. A second signal ends the process at once.
 *
 * @throws Interrupted when the work came to its end after a signal.
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  notice = 'Stopping. Once more ends it at once.',
): Promise<T> {
  const controller = new AbortController()
  let received: Signal | undefined
  const onSignal = (signal: Signal) => {
    if (received) process.exit(signalExitCodes[signal])
    received = signal
    process.stderr.write(`\n${notice}\n`)
    controller.abort()
  }
  const signals = Object.keys(signalExitCodes) as Signal[]
  for (const signal of signals) process.on(signal, onSignal)
  try {
    const result = await work(controller.signal)
    if (received) throw new Interrupted(received)
    return result
  } catch (error) {
    if (received && (error as { code?: unknown }).code === 'ERR_GOOGLENET_ABORTED')
      throw new Interrupted(received)
    throw error
  } finally {
    for (const signal of signals) process.off(signal, onSignal)
  }
}
