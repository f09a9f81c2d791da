import type { Loader } from '../../binding.js'
import { checkChoice, shown } from '../checks.js'
import { asGoogLeNetError, GoogLeNetError } from '../errors.js'
import { binding } from '../native.js'
import { type Device, isDevice } from '../options.js'

/** @throws ERR_GOOGLENET_OPTION when pictures cannot have that many channels. */
export function checkPictureChannels(channels: number): 1 | 3 {
  if (channels === 1 || channels === 3) return channels
  throw new GoogLeNetError(
    'ERR_GOOGLENET_OPTION',
    `pictures have 1 channel (grey) or 3 (RGB), the network takes ${channels}; feed it by forward and trainStep`,
  )
}

/** How pictures are decoded. */
export interface DecodeOptions {
  /**
   * `accurate`, the default, gives Pillow's pixels. `fast` decodes JPEGs with libjpeg's less exact DCT, with chroma as
   * it is stored, and leaves more of a reduction to the DCT.
   */
  quality?: 'accurate' | 'fast'
  /** Whether pictures are turned as their EXIF data say; `ignore`, the default, is what torchvision and Pillow do. */
  orientation?: 'ignore' | 'apply'
  /**
   * `cuda` or `cuda:<number>` decodes JPEGs on that GPU with nvJPEG, by its hardware decoder where it has one, and crops
   * and resizes them there; the CPU decodes PNGs, progressive and CMYK JPEGs, and what nvJPEG refuses. `cpu` by default.
   * The same crops, whose pixels differ from the CPU's by a few levels. Without that GPU or nvJPEG the first batch
   * fails with ERR_GOOGLENET_DEVICE.
   */
  decoder?: Device
}

/** @throws ERR_GOOGLENET_OPTION. */
export function checkDecodeOptions(options: DecodeOptions): Required<DecodeOptions> {
  return {
    quality: checkChoice('quality', options.quality ?? 'accurate', ['accurate', 'fast']),
    orientation: checkChoice('orientation', options.orientation ?? 'ignore', ['ignore', 'apply']),
    decoder: checkDecoder(options.decoder ?? 'cpu'),
  }
}

function checkDecoder(decoder: unknown): Device {
  if (isDevice(decoder)) return decoder
  throw new GoogLeNetError(
    'ERR_GOOGLENET_OPTION',
    `decoder must be 'cpu', 'cuda' or 'cuda:<number>', found ${shown(decoder)}`,
  )
}

/** Threads that decode pictures. `threads` 0 means every core that the process may use. */
export function openLoader(channels: 1 | 3, threads: number, decode: DecodeOptions = {}): Loader {
  try {
    return new binding.Loader({ threads, channels, ...checkDecodeOptions(decode) })
  } catch (error) {
    throw asGoogLeNetError(error, 'ERR_GOOGLENET_NATIVE', 'cannot start the loader')
  }
}
