// Before anything is written to a slot: will the boot environment take the switch at the end? A
// boot partition that the kernel has made read-only, or that is missing, must be told before the
// download, not after it (A5).
import { OsError } from '@kubenest/base/errors'
import { readText, stat } from '@kubenest/base/files'
import type { SysRoot } from '@kubenest/base/sysroot'
import { findBootLayout } from './boot-layout.ts'

/** Refuses a boot partition that cannot be written; repairs nothing. */
export async function checkBootPartition(sysroot: SysRoot): Promise<void> {
  const { folder, mountPoint } = await findBootLayout(sysroot)
  if ((await stat(sysroot.path(folder)))?.kind !== 'directory')
    throw refuse('missing', folder, 'it does not exist; mount the boot partition')
  const mounts = (await readText(sysroot.path('/proc/mounts'))) ?? ''
  const line = mounts.split('\n').findLast((each) => each.split(' ')[1] === mountPoint)
  const options = line?.split(' ')[3]?.split(',') ?? []
  if (options.includes('ro'))
    throw refuse(
      'read-only',
      mountPoint,
      'it is mounted read-only, as the kernel does after an error; check its file system and mount it again',
    )
}

function refuse(what: 'missing' | 'read-only', place: string, reason: string): OsError {
  return new OsError('host', {
    code: `boot-partition-${what}`,
    message: `Cannot switch slots by ${place}: ${reason}`,
    fields: { place },
  })
}
