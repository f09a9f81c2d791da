import type { Pixels } from './png.js'

/** A convolution's weights, O x I x H x W. */
export interface FilterBank {
  shape: readonly number[]
  data: Float32Array
  /** Of 3 input channels: their order is blue, green, red. */
  bgr?: boolean
}

/**
 * The filters of a first layer as one picture: a grid of tiles, one filter a tile, one weight a pixel, a clear
 * pixel between tiles. Each filter is stretched over the whole range, with grey where its weight is zero. Filters
 * of 3 input channels are drawn in colour, others as the mean over their channels.
 */
export function drawFilters({ shape, data, bgr = false }: FilterBank, columns = 8): Pixels {
  const [filters, inputs, rows, width] = shape as [number, number, number, number]
  const tilesDown = Math.ceil(filters / columns)
  const picture: Pixels = {
    width: columns * (width + 1) - 1,
    height: tilesDown * (rows + 1) - 1,
    channels: 4,
    data: new Uint8Array((columns * (width + 1) - 1) * (tilesDown * (rows + 1) - 1) * 4),
  }
  const plane = rows * width
  for (let filter = 0; filter < filters; filter++) {
    const weights = data.subarray(filter * inputs * plane, (filter + 1) * inputs * plane)
    const colours =
      inputs === 3
        ? [0, 1, 2].map((colour) => planeOf(weights, bgr ? 2 - colour : colour, plane))
        : [mean(weights, plane)]
    const largest = Math.max(Number.MIN_VALUE, ...colours.flatMap((colour) => Array.from(colour, Math.abs)))
    const left = (filter % columns) * (width + 1)
    const top = Math.floor(filter / columns) * (rows + 1)
    for (let at = 0; at < plane; at++) {
      const x = left + (at % width)
      const y = top + Math.floor(at / width)
      const pixel = (y * picture.width + x) * 4
      for (let colour = 0; colour < 3; colour++) {
        const weight = colours[colour % colours.length]![at]!
        picture.data[pixel + colour] = Math.round(127.5 + (127.5 * weight) / largest)
      }
      picture.data[pixel + 3] = 255
    }
  }
  return picture
}

const planeOf = (weights: Float32Array, channel: number, plane: number): Float32Array =>
  weights.subarray(channel * plane, (channel + 1) * plane)

function mean(weights: Float32Array, plane: number): Float32Array {
  const sum = new Float32Array(plane)
  const inputs = weights.length / plane
  weights.forEach((weight, index) => {
    sum[index % plane]! += weight / inputs
  })
  return sum
}
