// The disk that the stand-ins of the file functions work on: one simulation runs at a time in its
// process.
import { createSimDisk, type SimDisk } from './sim-disk.ts'

let disk = createSimDisk()

/** The disk now. */
export function currentDisk(): SimDisk {
  return disk
}

/** Another one from here on. */
export function useDisk(next: SimDisk): void {
  disk = next
}
