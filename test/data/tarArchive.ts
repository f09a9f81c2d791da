import { tarBlock } from '../../lib/data/tarWriter.js'

/** A member as bytes say it, right or wrong. */
export interface Member {
  name: string
  content?: string | Uint8Array
  /** `0` is a file, `1` and `2` are links, `5` is a folder, `x` and `L` say more of the next. */
  type?: string
  /** The size that the header states; the field's 12 bytes as they are, or a number. */
  size?: number | Uint8Array
  /** Added to the checksum. */
  error?: number
}

/** One member: its header with a checksum, its content filled up to a block. */
export function member({ name, content = '', type = '0', size, error = 0 }: Member): Buffer {
  const body = Buffer.from(content)
  const header = Buffer.alloc(tarBlock)
  header.write(name, 0, 100)
  header.write('0000644\0', 100)
  const stated = size ?? body.length
  if (typeof stated === 'number') header.write(`${stated.toString(8).padStart(11, '0')}\0`, 124)
  else header.set(stated, 124)
  header.write(type, 156)
  header.write('ustar\x0000', 257)
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0) + error
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([header, body, Buffer.alloc((tarBlock - (body.length % tarBlock)) % tarBlock)])
}

export const endMark = Buffer.alloc(2 * tarBlock)

export const archive = (...members: (Member | Buffer)[]): Buffer =>
  Buffer.concat([...members.map((one) => (Buffer.isBuffer(one) ? one : member(one))), endMark])

/** A pax header for the member that follows. */
export function pax(values: Readonly<Record<string, string>>): Buffer {
  const records = Object.entries(values).map(([key, value]) => {
    const length = (digits: number): number => {
      const total = Buffer.byteLength(` ${key}=${value}\n`) + digits
      return String(total).length > digits ? length(digits + 1) : total
    }
    return `${length(1)} ${key}=${value}\n`
  })
  return member({ name: 'pax', type: 'x', content: records.join('') })
}
