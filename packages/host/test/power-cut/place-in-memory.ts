// Where recordings and judges work: in memory where the machine has such a folder.
import * as fs from 'node:fs/promises'
import os from 'node:os'

const MEMORY_FOLDER = '/dev/shm'

/** An existing folder. */
export async function placeInMemory(): Promise<string> {
  return fs.access(MEMORY_FOLDER).then(
    () => MEMORY_FOLDER,
    () => os.tmpdir(),
  )
}
