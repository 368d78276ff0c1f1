// Stands in for linux/file-lock.ts. The kernel lets go of a lock when its holder ends: whoever ends
// a program clears the disk's locks.
import { currentDisk } from './current-disk.ts'
import { isOver } from './life.ts'

export interface HeldLock {
  release(): Promise<void>
}

export async function tryLockFile(file: string): Promise<HeldLock | undefined> {
  const disk = currentDisk()
  await disk.pass()
  if (disk.locks.has(file)) return undefined
  disk.locks.add(file)
  return {
    release: async () => {
      if (!isOver()) disk.locks.delete(file)
    },
  }
}
