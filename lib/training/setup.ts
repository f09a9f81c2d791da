import { availableParallelism } from 'node:os'
import { checkNumber } from '../checks.js'
import { GoogLeNetError } from '../errors.js'
import type { GoogLeNet } from '../network.js'

/**
 * Threads that decode pictures for a network. By default every core for a network on a GPU; on the CPU, which
 * computes on every core and needs few pictures a second, one for each four cores.
 */
export function loaderThreads(asked: number | undefined, device: string): number {
  const threads = checkNumber('loaderThreads', asked ?? 0, { min: 0, max: 1024, whole: true })
  if (threads > 0 || device !== 'cpu') return threads
  return Math.max(1, Math.floor(availableParallelism() / 4))
}

/**
 * Labels are numbers: a network and its data must mean the same classes by them. A network without names of its own
 * (its labels are its class numbers) takes any.
 *
 * @throws ERR_GOOGLENET_DATA naming the first difference.
 */
export function checkClasses(net: GoogLeNet, classes: readonly string[]): void {
  const { labels } = net.options
  if (classes.length !== labels.length) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_DATA',
      `the network has ${labels.length} classes, the data ${classes.length}; ` +
        'create the network with the classes of the data',
    )
  }
  if (labels.every((label, i) => label === String(i))) return
  const wrong = labels.findIndex((label, i) => label !== classes[i])
  if (wrong < 0) return
  throw new GoogLeNetError(
    'ERR_GOOGLENET_DATA',
    `class ${wrong} is ${JSON.stringify(labels[wrong])} in the network and ${JSON.stringify(classes[wrong])} ` +
      'in the data; create the network with the classes of the data, in their order',
  )
}
