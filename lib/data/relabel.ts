import type { SampleSource } from './source.js'

/**
 * A source whose classes are others: `labels` says which of them each of its own is; without it only their names
 * differ.
 */
export function withClasses(
  source: SampleSource,
  { classes, synsets, labels }: Pick<SampleSource, 'classes' | 'synsets'> & { labels?: readonly number[] },
): SampleSource {
  return {
    classes,
    length: source.length,
    ...(synsets && { synsets }),
    sample(index) {
      const sample = source.sample(index)
      return labels ? { ...sample, label: labels[sample.label]! } : sample
    },
    ...(source.order && { order: source.order.bind(source) }),
    ...(source.ready && { ready: source.ready.bind(source) }),
  }
}
