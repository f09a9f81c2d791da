import type { ColorJitter, PictureTransform } from '../../binding.js'
import { checkNumber, shown } from '../checks.js'
import { GoogLeNetError } from '../errors.js'

/** How a picture is changed each time it is trained on, so that no two epochs show the same. */
export interface AugmentOptions {
  /** Share of the picture that a crop takes, from and to; the paper's 0.08 to 1 by default. */
  area?: readonly [number, number]
  /** Aspect ratio of the crop, from and to; the paper's 3/4 to 4/3 by default. */
  aspect?: readonly [number, number]
  /** Probability of mirroring; 0.5 by default. */
  flip?: number
  /** Each factor is drawn from [max(0, 1 - x), 1 + x]; all 0 by default: none. */
  jitter?: Partial<ColorJitter>
}

/** @throws ERR_GOOGLENET_OPTION. */
export function trainTransform(
  size: number,
  { seed, epoch, augment = {} }: { seed: number; epoch: number; augment?: AugmentOptions },
): PictureTransform {
  const { brightness = 0, contrast = 0, saturation = 0 } = augment.jitter ?? {}
  return {
    kind: 'train',
    size,
    seed: checkNumber('seed', seed, { min: 0, whole: true }),
    epoch: checkNumber('epoch', epoch, { min: 0, whole: true }),
    area: checkRange('augment.area', augment.area ?? [0.08, 1], 1),
    aspect: checkRange('augment.aspect', augment.aspect ?? [3 / 4, 4 / 3], 100),
    flip: checkNumber('augment.flip', augment.flip ?? 0.5, { min: 0, max: 1 }),
    jitter: {
      brightness: checkNumber('augment.jitter.brightness', brightness, { min: 0 }),
      contrast: checkNumber('augment.jitter.contrast', contrast, { min: 0 }),
      saturation: checkNumber('augment.jitter.saturation', saturation, { min: 0 }),
    },
  }
}

/** Pictures as they are judged: the shorter side to `resize` (size x 256 / 224 by default), then the centre. */
export function evaluationTransform(size: number, resize = Math.round((size * 256) / 224)): PictureTransform {
  return {
    kind: 'eval',
    size,
    resize: checkNumber('resize', resize, { min: size, max: 32768, whole: true }),
  }
}

function checkRange(name: string, range: unknown, max: number): [number, number] {
  if (!Array.isArray(range) || range.length !== 2) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_OPTION',
      `${name} must be two numbers, from and to, found ${shown(range)}`,
    )
  }
  const to = checkNumber(`${name}'s end`, range[1], { min: Number.MIN_VALUE, max })
  const from = checkNumber(`${name}'s beginning`, range[0], { min: Number.MIN_VALUE, max: to })
  return [from, to]
}
