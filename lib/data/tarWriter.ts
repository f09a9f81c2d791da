import { GoogLeNetError } from '../errors.js'

/** A tar consists of blocks of so many bytes: a header takes one. */
export const tarBlock = 512

/** The two empty blocks that end a tar. */
export const tarEnd = new Uint8Array(2 * tarBlock)

/**
 * One file as a tar has it (POSIX ustar): its header, its content, zeros up to a whole block. The content begins at
 * the second block. The same arguments give the same bytes.
 *
 * @param name ASCII, at most 100 characters.
 */
export function tarEntry(name: string, content: Uint8Array): Buffer {
  const blocks = Math.ceil(content.length / tarBlock)
  const entry = Buffer.alloc(tarBlock * (1 + blocks))
  if (!/^[\x21-\x7e]{1,100}$/.test(name)) {
    throw new GoogLeNetError('ERR_GOOGLENET_OPTION', `a tar cannot hold the name ${JSON.stringify(name)}`)
  }
  const octal = (value: number, digits: number, at: number) => {
    entry.write(value.toString(8).padStart(digits, '0'), at, 'latin1')
  }
  entry.write(name, 0, 'latin1')
  octal(0o644, 7, 100)
  octal(0, 7, 108)
  octal(0, 7, 116)
  octal(content.length, 11, 124)
  octal(0, 11, 136)
  entry.write('        0', 148, 'latin1') // the checksum counts as spaces, then the type: a regular file
  entry.write('ustar\x0000', 257, 'latin1')
  const sum = entry.subarray(0, tarBlock).reduce((total, byte) => total + byte, 0)
  entry.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  entry.set(content, tarBlock)
  return entry
}
