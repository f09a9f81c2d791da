import { GoogLeNetError } from '../../errors.js'

/** More than any list of shards has; what expands to more is a slip. */
const mostNames = 1_000_000

/**
 * The names that a list of shards stands for: `train-{0000..1023}.tar` counts, `{train,val}.tar` lists, and `::` stands
 * between lists, as WebDataset has it.
 *
 * @throws ERR_GOOGLENET_OPTION when it stands for none, or for more than a million.
 */
export function expandShards(list: string): string[] {
  const names = list.split('::').flatMap(expandBraces)
  if (names.length > 0) return names
  throw new GoogLeNetError(
    'ERR_GOOGLENET_OPTION',
    `${list} stands for no shard: the first number is above the last`,
  )
}

function expandBraces(text: string): string[] {
  const found = /^(.*?)\{([^{}]*)\}(.*)$/s.exec(text)
  if (!found) return [text]
  const [, before = '', inside = '', after = ''] = found
  const { count, choice } = choicesOf(inside)
  const rest = expandBraces(after)
  if (count * rest.length > mostNames) {
    throw new GoogLeNetError('ERR_GOOGLENET_OPTION', `${text} stands for more than ${mostNames} shards`)
  }
  return Array.from({ length: count }, (_, i) => before + choice(i)).flatMap((begin) =>
    rest.map((end) => begin + end),
  )
}

/** What stands between braces: how many texts, and each of them. None is made before their number is known. */
function choicesOf(inside: string): { count: number; choice: (i: number) => string } {
  const [, first, last] = /^(\d+)\.\.(\d+)$/.exec(inside) ?? []
  if (first === undefined || last === undefined) {
    const texts = inside.split(',')
    return { count: texts.length, choice: (i) => texts[i]! }
  }
  return {
    count: Math.max(0, Number(last) - Number(first) + 1),
    choice: (i) => String(Number(first) + i).padStart(first.length, '0'),
  }
}

/** The parts of a data set that its shards' names tell apart. */
export interface ShardParts {
  train: string[]
  validation: string[]
}

/**
 * Tells the shards of the parts apart: `train-000.tar`, `imagenet1k-validation-07.tar`. Of shards for validation and
 * others for tests the latter are left out; whatever is neither is trained on.
 */
export function partShards(names: readonly string[]): ShardParts {
  const named = (part: RegExp) => names.filter((name) => part.test(name.slice(name.lastIndexOf('/') + 1)))
  const validation = named(/(^|[-_.])(val|valid|validation)([-_.]|$)/i)
  const test = named(/(^|[-_.])test([-_.]|$)/i)
  const held = new Set([...validation, ...test])
  return {
    train: names.filter((name) => !held.has(name)),
    validation: validation.length > 0 ? validation : test,
  }
}

/** Whether it is an address on a server. */
export const isUrl = (text: string): boolean => /^https?:\/\//i.test(text)
