import { crc32 } from 'node:zlib'
import { GoogLeNetError } from '../../../lib/errors.js'

/** What a fuzzer looks for: something that must hold, and does not. */
export function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`it does not hold that ${what}`)
}

/** What was read; undefined when it was refused with a code and a reason. Whatever else is thrown is a finding. */
export async function readOrRefused<T>(read: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof GoogLeNetError)) throw error
    check(error.message !== '', 'an error says why')
    return undefined
  }
}

/** An input's last byte chooses what is done with the others. */
export function parted(input: Buffer): { bytes: Buffer; choice: number } {
  return { bytes: Buffer.from(input.subarray(0, -1)), choice: input.at(-1) ?? 0 }
}

export const withChoice = (bytes: Uint8Array | string, choice: number): Buffer =>
  Buffer.concat([Buffer.from(bytes), Buffer.of(choice)])

/** Sets the checksum of an index right, which would hide whatever else is wrong. */
export function sealed(bytes: Buffer): Buffer {
  if (bytes.length > 12) bytes.writeUInt32LE(crc32(bytes.subarray(12)), 8)
  return bytes
}

/** As above, of the header that begins in each block of a tar. */
export function summed(bytes: Buffer): Buffer {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const header = bytes.subarray(at, at + 512)
    if (header.toString('latin1', 257, 262) !== 'ustar') continue
    header.fill(' ', 148, 156)
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  }
  return bytes
}
