// How much may still be written to a file system.
import { statfs } from 'node:fs/promises'
import { OsError } from '@kubenest/base/errors'

/** Bytes that are free in the file system of an existing path. */
export async function freeBytes(path: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  } catch (cause) {
    const errno = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    throw new OsError('host', {
      code: 'file-failed',
      message: `Cannot tell the free space at ${path}: ${errno}`,
      fields: { path, errno },
      cause,
    })
  }
}
