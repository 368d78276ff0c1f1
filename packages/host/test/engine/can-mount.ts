// Whether this machine lets tests mount file systems.
import * as fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { runOrThrow } from '@kubenest/base/exec'
import { systemExec } from '@kubenest/base/system-exec'

/** True when a loop mount works. */
export const canMount = await probeMount()

async function probeMount(): Promise<boolean> {
  const probe = await fs.mkdtemp(path.join(os.tmpdir(), 'mount-probe-'))
  const image = path.join(probe, 'x.img')
  await runOrThrow(systemExec, 'make a probe', {
    argv: ['mke2fs', '-q', '-t', 'ext4', image, '2M'],
  })
  await fs.mkdir(path.join(probe, 'mnt'))
  const mount = ['mount', '-o', 'loop', image, path.join(probe, 'mnt')] as const
  const isMounted = (await systemExec.run({ argv: mount })).exitCode === 0
  if (isMounted) await systemExec.run({ argv: ['umount', path.join(probe, 'mnt')] })
  await fs.rm(probe, { recursive: true })
  return isMounted
}
