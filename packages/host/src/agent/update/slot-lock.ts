// At most one process writes to the standby slot, whatever started it (I8). The kernel releases the
// lock with its holder, however that ends.
import { OsError } from '@kubenest/base/errors'
import { ensureDirectory } from '@kubenest/base/files'
import { tryLockFile } from '../../linux/file-lock.ts'
import { JOURNAL_FOLDER, type EngineContext } from './engine-context.ts'

/** Runs a task that writes or arms a slot; throws code `slot-locked` while another process does. */
export async function withSlotLock<T>(context: EngineContext, task: () => Promise<T>): Promise<T> {
  const folder = context.sysroot.path(JOURNAL_FOLDER)
  await ensureDirectory(folder, 0o700)
  const lock = await tryLockFile(`${folder}/slot.lock`)
  if (lock === undefined)
    throw new OsError('blocked', {
      code: 'slot-locked',
      message:
        'Cannot work on the standby slot: another os-agent process does; wait for its end, or stop it',
    })
  try {
    return await task()
  } finally {
    await lock.release()
  }
}
