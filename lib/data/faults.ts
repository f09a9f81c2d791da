import { count } from '../report/format.js'

/** Something of a data set that cannot be used, and a phrase that says why, to follow the name. */
export interface Skipped {
  name: string
  reason: string
}

/** What is named one by one: a hostile archive could hold millions. */
const mostListed = 1000

/** What cannot be used of a data set: counted, and the first ones named. */
export class Faults {
  constructor(
    readonly listed: Skipped[] = [],
    public total = listed.length,
  ) {}

  add(name: string, reason: string): void {
    this.total++
    if (this.listed.length < mostListed) this.listed.push({ name, reason })
  }

  /** The named ones, and one line for all others; `name` is of the whole. */
  list(name: string): Skipped[] {
    const more = this.total - this.listed.length
    if (more === 0) return [...this.listed]
    return [...this.listed, { name, reason: `holds ${count(more)} further entries that cannot be used` }]
  }
}
