// `lab down`: ends the supervisor and whatever it left, then removes the state folder. Only
// processes are signalled whose id and start time were written down by the lab.
import type { Clock } from '@kubenest/base/clock'
import { stopProcess } from '@kubenest/base/daemon'
import { removePath } from '@kubenest/base/files'
import type { LabPaths } from './lab-paths.ts'
import { readLabRecord } from './lab-record.ts'

const SUPERVISOR_GRACE_MS = 10_000

/** Stops and removes a lab; also the remains of one that crashed. */
export async function stopLab(deps: { readonly clock: Clock }, paths: LabPaths): Promise<void> {
  const record = await readLabRecord(paths.record)
  if (record !== undefined) {
    await stopProcess(record.supervisor, deps.clock, SUPERVISOR_GRACE_MS)
    const last = (await readLabRecord(paths.record)) ?? record
    await Promise.all(last.processes.map(({ identity }) => stopProcess(identity, deps.clock, 0)))
  }
  await removePath(paths.root)
}
