// An advisory lock that the kernel releases when its holder ends, however it ends (flock).
import { dlopen } from 'bun:ffi'
import { open, type FileHandle } from 'node:fs/promises'
import { errnoReason } from '@kubenest/base/errno-reason'
import { OsError } from '@kubenest/base/errors'

const LOCK_EX = 2
const LOCK_NB = 4

/** A lock that is held; release it, or end the program. */
export interface HeldLock {
  release(): Promise<void>
}

/**
 * Takes the lock of a file, which is made when missing; `undefined` when another process holds it.
 */
export async function tryLockFile(file: string): Promise<HeldLock | undefined> {
  const handle = await openLockFile(file)
  if (lockExclusively(handle)) return { release: () => handle.close() }
  await handle.close()
  return undefined
}

async function openLockFile(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'a', 0o600)
  } catch (cause) {
    const errno = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    const isFull = errno === 'ENOSPC' || errno === 'EDQUOT'
    const known = errnoReason(errno)
    const reason = known === errno ? `${errno}; check the file system it is on` : known
    throw new OsError('host', {
      code: isFull ? 'disk-full' : 'lock-failed',
      message: `Cannot open the lock ${file}: ${reason}`,
      fields: { file, errno },
      cause,
    })
  }
}

function lockExclusively(handle: FileHandle): boolean {
  const libc = dlopen('libc.so.6', { flock: { args: ['i32', 'i32'], returns: 'i32' } })
  try {
    return libc.symbols.flock(handle.fd, LOCK_EX | LOCK_NB) === 0
  } finally {
    libc.close()
  }
}
