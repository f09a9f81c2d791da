/** Figures as people read them; the same in the terminal and in the report. */

/** A share in 0..1: `66.3 %`. */
export const percent = (share: number, digits = 1): string => `${(share * 100).toFixed(digits)} %`

/** `1,234,567`. */
export const count = (value: number): string => Math.round(value).toLocaleString('en-US')

/** A loss or another figure of that size: `2.3026`. */
export const decimal = (value: number, digits = 4): string =>
  Number.isFinite(value) ? value.toFixed(digits) : String(value)

/** Up to four digits that count, without trailing zeros: `0.02`, `0.0001234`. */
export const compact = (value: number): string => String(Number(value.toPrecision(4)))

/** `7.4 s`, `1 min 17 s`, `2 h 05 min`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?'
  if (seconds < 59.95) return `${seconds.toFixed(seconds < 9.95 ? 1 : 0)} s`
  const whole = Math.round(seconds)
  const pad = (value: number) => String(Math.floor(value)).padStart(2, '0')
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`
  return `${Math.floor(whole / 3600)} h ${pad((whole % 3600) / 60)} min`
}

/** `152 img/s`; one decimal below 10. */
export const rate = (imagesPerSecond: number): string =>
  `${imagesPerSecond < 10 ? imagesPerSecond.toFixed(1) : count(imagesPerSecond)} img/s`

/** `12.7 MiB`. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, value)) / 10))
  return `${(value / 2 ** (10 * power)).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}

/** The 95 % interval of a share measured on `samples` (Wilson, 1927). */
export function interval(share: number, samples: number): [low: number, high: number] {
  if (samples === 0) return [0, 1]
  const z = 1.959964
  const centre = share + z ** 2 / (2 * samples)
  const spread = z * Math.sqrt((share * (1 - share)) / samples + z ** 2 / (4 * samples ** 2))
  const scale = 1 + z ** 2 / samples
  return [Math.max(0, (centre - spread) / scale), Math.min(1, (centre + spread) / scale)]
}
