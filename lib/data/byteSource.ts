import { type FileHandle, open } from 'node:fs/promises'
import { asGoogLeNetError, GoogLeNetError } from '../errors.js'

/** Bytes of which any part can be read. */
export interface ByteSource {
  readonly size: number
  /** `length` bytes from `offset` on; fewer where they end. */
  read(offset: number, length: number): Promise<Uint8Array>
}

export const memoryBytes = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  read: async (offset, length) => bytes.subarray(offset, offset + length),
})

/** A file that is open. */
export class FileBytes implements ByteSource, AsyncDisposable {
  private constructor(
    readonly path: string,
    readonly size: number,
    readonly mtimeMs: number,
    readonly file: FileHandle,
  ) {}

  /** @throws ERR_GOOGLENET_DATA when there is no such file, ERR_GOOGLENET_IO when it cannot be read. */
  static async open(path: string): Promise<FileBytes> {
    const file = await open(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw asGoogLeNetError(error, 'ERR_GOOGLENET_IO', `cannot read ${path}`)
      throw new GoogLeNetError('ERR_GOOGLENET_DATA', `${path}: there is no such file`, { cause: error })
    })
    const status = await file.stat()
    if (status.isFile()) return new FileBytes(path, status.size, status.mtimeMs, file)
    await file.close()
    throw new GoogLeNetError('ERR_GOOGLENET_DATA', `${path}: it is not a file`)
  }

  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length)
    try {
      let filled = 0
      while (filled < length) {
        const { bytesRead } = await this.file.read(bytes, filled, length - filled, offset + filled)
        if (bytesRead === 0) break
        filled += bytesRead
      }
      return bytes.subarray(0, filled)
    } catch (error) {
      throw asGoogLeNetError(error, 'ERR_GOOGLENET_IO', `cannot read ${this.path}`)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file.close()
  }
}
