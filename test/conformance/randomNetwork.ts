import type { LayerDefinition } from '../../binding.js'
import type { Draw } from './draw.js'
import { averagePool, concat, conv, dropout, maxPool, norm, relu } from './layers.js'

/**
 * A random graph of `count` layers on `input` that keep height and width, so that any of them can be joined; what
 * no other layer reads is joined at the end, but for some that stay unread.
 */
export function randomLayers(draw: Draw, input: string, count: number): LayerDefinition[] {
  const layers: LayerDefinition[] = []
  const names = [input]
  const unread = new Set<string>()
  const read = (): string => {
    // Mostly one of the last, so that layers that can be fused follow each other.
    const name = draw.pick(draw.pick([true, false]) ? names.slice(-2) : names)
    unread.delete(name)
    return name
  }
  for (let i = 0; i < count; i++) {
    const name = `r${i}`
    layers.push(randomLayer(draw, name, read))
    names.push(name)
    unread.add(name)
  }
  const joined = [...unread].filter(() => draw.whole(0, 4) > 0)
  return [...layers, concat('joined', names.at(-1)!, ...joined)]
}

function randomLayer(draw: Draw, name: string, read: () => string): LayerDefinition {
  const kind = draw.pick([
    'pointwise',
    'pointwise',
    'convolution',
    'norm',
    'norm',
    'relu',
    'relu',
    'max',
    'rest',
  ])
  switch (kind) {
    case 'pointwise':
      return conv(name, read(), draw.whole(2, 12), 1, { bias: draw.pick([true, false]) })
    case 'convolution': {
      const kernel = draw.pick([3, 5])
      return conv(name, read(), draw.whole(2, 12), kernel, { padding: (kernel - 1) / 2 })
    }
    case 'norm':
      return norm(name, read())
    case 'relu':
      return relu(name, read())
    case 'max':
      return maxPool(name, read(), 3, 1, 1)
    default:
      return draw.pick([
        () => dropout(name, read(), 0),
        () => averagePool(name, read(), 1),
        () => concat(name, read(), read()),
      ])()
  }
}
