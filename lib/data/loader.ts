import type { Loader } from '../../binding.js'
import { asGoogLeNetError, GoogLeNetError } from '../errors.js'
import { binding } from '../native.js'

/** @throws ERR_GOOGLENET_OPTION when pictures cannot have that many channels. */
export function checkPictureChannels(channels: number): 1 | 3 {
  if (channels === 1 || channels === 3) return channels
  throw new GoogLeNetError(
    'ERR_GOOGLENET_OPTION',
    `pictures have 1 channel (grey) or 3 (RGB), the network takes ${channels}; feed it by forward and trainStep`,
  )
}

/** Threads that decode pictures. `threads` 0 means every core that the process may use. */
export function openLoader(channels: 1 | 3, threads: number): Loader {
  try {
    return new binding.Loader({ threads, channels })
  } catch (error) {
    throw asGoogLeNetError(error, 'ERR_GOOGLENET_NATIVE', 'cannot start the loader')
  }
}
