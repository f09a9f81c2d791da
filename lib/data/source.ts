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
  /** The `index`-th sample, 0 <= index < length. Cheap and synchronous. */
  sample(index: number): Sample
}

/** A data set as training takes it. `validation` may be empty (length 0). */
export interface DataSet {
  readonly classes: readonly string[]
  readonly train: SampleSource
  readonly validation: SampleSource
}
