// An orderly reboot with a time limit, then a hard one: a service that will not stop must not keep
// an armed or a failed slot running.
import type { Clock } from '@kubenest/base/clock'
import { runOrThrow, type Exec } from '@kubenest/base/exec'
import type { Logger } from '@kubenest/base/log'

const ORDERLY_LIMIT_MS = 120_000

/** Asks systemd for a reboot; after two minutes of still being here, forces it. */
export async function rebootSystem(deps: { exec: Exec; clock: Clock; log: Logger }): Promise<void> {
  deps.clock.schedule(ORDERLY_LIMIT_MS, () => void forceReboot(deps.exec, deps.log))
  await runOrThrow(deps.exec, 'reboot', {
    argv: ['systemctl', '--no-block', 'reboot'],
    timeoutMs: 30_000,
  })
}

async function forceReboot(exec: Exec, log: Logger): Promise<void> {
  log.warn('orderly reboot did not end; rebooting at once')
  const result = await exec.run({ argv: ['systemctl', 'reboot', '--force', '--force'] })
  if (result.exitCode !== 0) log.error('reboot failed', { output: result.stderr.slice(-500) })
}
