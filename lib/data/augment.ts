import type { ColorJitter, Interpolation, PictureTransform } from '../../binding.js'
import { checkChoice, checkNumber, shown } from '../checks.js'
import { GoogLeNetError } from '../errors.js'

/** How a picture is changed each time it is trained on, so that no two epochs show the same. */
export interface AugmentOptions {
  /** Share of the picture that a crop takes, from and to; the paper's 0.08 to 1 by default. */
  area?: readonly [number, number]
  /** Aspect ratio of the crop, from and to; the paper's 3/4 to 4/3 by default. */
  aspect?: readonly [number, number]
  /** Probability of mirroring; 0.5 by default. */
  flip?: number
  /**
   * Each factor is drawn from [max(0, 1 - x), 1 + x], the turn of the hue from -x to x (0.5 is half a turn); all 0 by
   * default: none.
   */
  jitter?: Partial<ColorJitter>
  /** Deviation of AlexNet's lighting along the principal components of ImageNet's colours; 0, none, by default. */
  lighting?: number
  /** How the crop is resized: `bilinear` by default; `random` takes one of the four each time. */
  interpolation?: Interpolation | 'random'
}

/**
 * As GoogLeNet was trained (arXiv 1409.4842, section 6): crops of 8 to 100 % of the area and 3/4 to 4/3 of the aspect
 * ratio, Howard's photometric distortions (arXiv 1312.5402), a random interpolation.
 */
export const paperAugmentation: AugmentOptions = {
  area: [0.08, 1],
  aspect: [3 / 4, 4 / 3],
  flip: 0.5,
  jitter: { brightness: 0.5, contrast: 0.5, saturation: 0.5 },
  lighting: 0.1,
  interpolation: 'random',
}

export const interpolations = ['bilinear', 'area', 'nearest', 'cubic', 'random'] as const

/** @throws ERR_GOOGLENET_OPTION. */
export function trainTransform(
  size: number,
  { seed, epoch, augment = {} }: { seed: number; epoch: number; augment?: AugmentOptions },
): PictureTransform {
  const { brightness = 0, contrast = 0, saturation = 0, hue = 0 } = augment.jitter ?? {}
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
      hue: checkNumber('augment.jitter.hue', hue, { min: 0, max: 0.5 }),
    },
    lighting: checkNumber('augment.lighting', augment.lighting ?? 0, { min: 0, max: 100 }),
    interpolation: checkChoice('augment.interpolation', augment.interpolation ?? 'bilinear', interpolations),
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

/**
 * How many images a picture is judged by, their answers averaged. 1: the centre. 10: the corners and the centre, and
 * the same mirrored. 144: the paper's (arXiv 1409.4842, section 7): the shorter side resized to four lengths (256, 288,
 * 320 and 352 for images of 224), three squares of each, of each square the corners, the centre and the whole resized,
 * and all of it mirrored.
 */
export type Crops = 1 | 10 | 144

/** @throws ERR_GOOGLENET_OPTION. `resize` is the length of the shorter side, which 144 crops take from the paper. */
export function judgedTransform(size: number, crops: Crops, resize?: number): PictureTransform {
  const one = evaluationTransform(size, resize)
  if (crops === 1 || one.kind !== 'eval') return one
  if (crops === 10) return { kind: 'crops', size, scales: [one.resize], squares: false }
  if (resize !== undefined) {
    throw new GoogLeNetError(
      'ERR_GOOGLENET_OPTION',
      '144 crops have four sizes of their own; leave resize out',
    )
  }
  const scales = [256, 288, 320, 352].map((side) => Math.round((size * side) / 224))
  return { kind: 'crops', size, scales, squares: true }
}

/** @throws ERR_GOOGLENET_OPTION unless it is 1, 10 or 144. */
export function checkCrops(crops: unknown): Crops {
  if (crops === 1 || crops === 10 || crops === 144) return crops
  throw new GoogLeNetError('ERR_GOOGLENET_OPTION', `crops must be 1, 10 or 144, found ${shown(crops)}`)
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
