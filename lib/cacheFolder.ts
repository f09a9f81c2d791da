import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/** Of this package, as the XDG base directory specification has it. */
export function cacheFolder(): string {
  const named = process.env.XDG_CACHE_HOME ?? ''
  return join(isAbsolute(named) ? named : join(homedir(), '.cache'), 'googlenet')
}
