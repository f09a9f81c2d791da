import type { PictureSource } from '../../binding.js'

/** One labelled picture of a data set. */
export interface Sample {
  /** Where its bytes are. */
  source: PictureSource
  /** Index of its class in `SampleSource.classes`. */
  label: number
  /** Its name in reports: usually its path relative to the data set. */
  name: string
}

/**
 * Where samples come from. A source knows how many there are and where each lies; it decodes nothing.
 * Every layout (class folders, archives, shards) is one implementation of this interface.
 */
export interface SampleSource {
  readonly classes: readonly string[]
  readonly length: number
  /** The WordNet IDs of the classes, where `classes` are names that people read. */
  readonly synsets?: readonly string[]
  /** The `index`-th sample, 0 <= index < length. Cheap and synchronous. */
  sample(index: number): Sample
  /**
   * The order in which an epoch visits the samples, for what is slow to seek: a permutation of 0 to length - 1 that
   * is a pure function of its arguments, of which any place is found at once. Without it EpochOrder mixes them all.
   */
  order?(seed: number, epoch: number): SampleOrder
  /**
   * Brings the bytes of samples to this machine, for what is elsewhere: awaited before they are decoded.
   *
   * @param few whether few of the source will be wanted, so that what lies around these need not come.
   */
  ready?(indices: Iterable<number>, signal?: AbortSignal, few?: boolean): Promise<void>
}

/** Whether that many samples of a source are so few that they come faster one by one than with all around them. */
export const areFew = (samples: number, of: number): boolean => samples * 8 <= of

export interface SampleOrder {
  /** Index of the sample at a position, 0 <= position < length. */
  at(position: number): number
}

/** A data set as training takes it. `validation` may be empty (length 0). */
export interface DataSet {
  readonly classes: readonly string[]
  readonly train: SampleSource
  readonly validation: SampleSource
  /** What of it cannot be used, found when it was opened: a name, and a phrase that says why. */
  readonly skipped?: readonly { name: string; reason: string }[]
}
