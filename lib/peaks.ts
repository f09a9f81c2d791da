import type { Peaks, Precision } from '../binding.js'

/** Cards by what their names hold: reached by large products in bf16 and fp16, and by large copies. */
const cards: readonly { name: RegExp; peaks: Peaks }[] = [
  { name: /H200/, peaks: { flops: 790e12, bandwidth: 4.3e12 } },
  { name: /H100.*HBM3|H100 SXM/, peaks: { flops: 790e12, bandwidth: 3e12 } },
]

/** Of the speed in bf16 and fp16. */
const shares = { bf16: 1, fp16: 1, tf32: 1 / 2, fp32: 1 / 12 }

/** What a card reaches at most, its arithmetic in bf16 and fp16; undefined when it is not known. */
export function cardPeaks(name: string): Peaks | undefined {
  return cards.find((card) => card.name.test(name))?.peaks
}

/** A card's peaks in another precision than bf16 and fp16. */
export function peaksIn(precision: Precision | 'tf32', { flops, bandwidth }: Peaks): Peaks {
  return { flops: flops * shares[precision], bandwidth }
}
