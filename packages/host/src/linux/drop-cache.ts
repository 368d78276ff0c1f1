// Makes the next read of a file come from the medium where direct reads are not possible.
import { dlopen } from 'bun:ffi'
import { open } from 'node:fs/promises'

const POSIX_FADV_DONTNEED = 4

/** Drops the clean pages of a file or device from the page cache; flush it first. */
export async function dropPageCache(path: string): Promise<void> {
  const libc = dlopen('libc.so.6', {
    posix_fadvise: { args: ['i32', 'i64', 'i64', 'i32'], returns: 'i32' },
  })
  const handle = await open(path, 'r')
  try {
    libc.symbols.posix_fadvise(handle.fd, 0, 0, POSIX_FADV_DONTNEED)
  } finally {
    await handle.close()
    libc.close()
  }
}
