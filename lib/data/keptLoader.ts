import { isDeepStrictEqual } from 'node:util'
import type { Loader } from '../../binding.js'
import { checkDecodeOptions, checkPictureChannels, type DecodeOptions, openLoader } from './loader.js'

/** A loader that is kept from call to call; pictures that are decoded in another way get one of their own. */
export class KeptLoader {
  readonly #channels: number
  readonly #threads: number
  #kept: Loader | undefined

  constructor(channels: number, threads: number) {
    this.#channels = channels
    this.#threads = threads
  }

  /** @throws ERR_GOOGLENET_OPTION, also for channels that pictures have not, and what `work` throws. */
  async use<T>(options: DecodeOptions, work: (loader: Loader) => Promise<T>): Promise<T> {
    const channels = checkPictureChannels(this.#channels)
    const decode = checkDecodeOptions(options)
    if (isDeepStrictEqual(decode, checkDecodeOptions({}))) {
      this.#kept ??= openLoader(channels, this.#threads)
      return work(this.#kept)
    }
    const loader = openLoader(channels, this.#threads, decode)
    try {
      return await work(loader)
    } finally {
      loader.dispose()
    }
  }

  dispose(): void {
    this.#kept?.dispose()
  }
}
