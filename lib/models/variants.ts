import { seed } from './seed.js'

/** The networks that can be created, each a function from options to a definition. */
export const variants = { seed }

export type Variant = keyof typeof variants
