// An orderly reboot with a time limit, then a hard one: a service that will not stop must not keep
// an armed or a failed slot running. The limit is a timer of systemd's, because the shutdown ends
// this very process.
import { stat } from 'node:fs/promises'
import type { Clock } from '@kubenest/base/clock'
import { toOsError } from '@kubenest/base/errors'
import { runOrThrow, type Exec } from '@kubenest/base/exec'
import type { Logger } from '@kubenest/base/log'

const ORDERLY_LIMIT_MS = 120_000
const ANSWER_LIMIT_MS = 30_000
const HARD_REBOOT = ['systemctl', 'reboot', '--force', '--force'] as const

export interface RebootDeps {
  readonly exec: Exec
  readonly clock: Clock
  readonly log: Logger
  /** Exists where systemd runs. @defaultValue '/run/systemd/system' */
  readonly systemdFolder?: string
}

/** Asks systemd for a reboot; after two minutes of still being here, forces it. */
export async function rebootSystem(deps: RebootDeps): Promise<void> {
  await plantHardReboot(deps)
  deps.clock.schedule(ORDERLY_LIMIT_MS, () => void forceReboot(deps))
  await runOrThrow(deps.exec, 'reboot', {
    argv: ['systemctl', '--no-block', 'reboot'],
    timeoutMs: ANSWER_LIMIT_MS,
  })
}

/** Without default dependencies the shutdown does not stop it. One from an earlier call stays. */
async function plantHardReboot({ exec, log, systemdFolder }: RebootDeps): Promise<void> {
  if (!(await exists(systemdFolder ?? '/run/systemd/system'))) return
  try {
    const { exitCode, stderr } = await exec.run({
      argv: [
        'systemd-run',
        '--quiet',
        '--collect',
        '--unit=kubenest-hard-reboot',
        `--on-active=${ORDERLY_LIMIT_MS / 1000}s`,
        '--timer-property=AccuracySec=1s',
        '--timer-property=DefaultDependencies=no',
        '--property=DefaultDependencies=no',
        ...HARD_REBOOT,
      ],
      timeoutMs: ANSWER_LIMIT_MS,
    })
    if (exitCode !== 0) log.warn('no hard reboot is planned', { output: stderr.slice(-500) })
  } catch (cause) {
    log.warn('no hard reboot is planned', { reason: toOsError(cause).message })
  }
}

async function forceReboot({ exec, log }: RebootDeps): Promise<void> {
  log.warn('orderly reboot did not end; rebooting at once')
  try {
    const result = await exec.run({ argv: HARD_REBOOT, timeoutMs: ANSWER_LIMIT_MS })
    if (result.exitCode !== 0) log.error('reboot failed', { output: result.stderr.slice(-500) })
  } catch (cause) {
    log.error('reboot failed', { reason: toOsError(cause).message })
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
