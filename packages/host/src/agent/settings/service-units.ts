// The services whose files settings change: which start of them runs, and starting them again with
// a look whether they stay.
import type { RestartTarget } from '@kubenest/api/agent/settings'
import { isOsError, OsError } from '@kubenest/base/errors'
import type { ExecResult } from '@kubenest/base/exec'
import type { SettingsDeps } from './node-target.ts'

/** A unit of systemd. */
export type ServiceUnit = Exclude<RestartTarget, 'node'>

type UnitDeps = Pick<SettingsDeps, 'exec' | 'clock' | 'log'>

/** containerd first: the kubelet needs it. */
export const SERVICE_UNITS: readonly ServiceUnit[] = ['containerd.service', 'kubelet.service']

const ANSWER_LIMIT_MS = 10_000
const RESTART_LIMIT_MS = 120_000
/** A service that dies of its file does so in its first seconds. */
const WATCH_MS = 15_000
const LOOK_EVERY_MS = 1000

interface UnitState {
  readonly active: string
  /** Another one with every start. */
  readonly invocation: string
}

/** The start that runs now: its id; '' when the unit does not run; `undefined` when unknown. */
export async function invocationOf(
  unit: ServiceUnit,
  deps: Pick<SettingsDeps, 'exec'>,
): Promise<string | undefined> {
  try {
    const { active, invocation } = await lookAtUnit(unit, deps)
    return active === 'inactive' || active === 'failed' ? '' : invocation
  } catch {
    // No systemctl here, or no answer: whoever asks must take the file as not in force yet.
    return undefined
  }
}

/**
 * Starts a unit again and watches it.
 *
 * @throws {OsError} kind `host`, code `service-not-staying`, with its state and last words.
 */
export async function restartUnit(unit: ServiceUnit, deps: UnitDeps): Promise<void> {
  deps.log.info('a service is started again', { unit })
  const restarted = await systemctl(deps, ['restart', '--', unit], RESTART_LIMIT_MS)
  if (restarted.exitCode !== 0) throw notStaying(unit, restarted.stderr.trim().slice(0, 500))
  const first = await lookAtUnit(unit, deps)
  const end = deps.clock.monotonicMs() + WATCH_MS
  for (let now = first; ; now = await lookAtUnit(unit, deps)) {
    if (now.active !== 'active') throw notStaying(unit, `it is ${now.active}`)
    if (now.invocation !== first.invocation) throw notStaying(unit, 'it was started once more')
    if (deps.clock.monotonicMs() >= end) return
    await deps.clock.sleep(LOOK_EVERY_MS)
  }
}

async function lookAtUnit(unit: ServiceUnit, deps: Pick<SettingsDeps, 'exec'>): Promise<UnitState> {
  const words = ['show', '--property=ActiveState,InvocationID', '--', unit]
  const { exitCode, stdout, stderr } = await systemctl(deps, words, ANSWER_LIMIT_MS)
  const active = /^ActiveState=(.*)$/m.exec(stdout)?.[1]
  if (exitCode !== 0 || active === undefined)
    throw notStaying(unit, `systemd does not tell its state: ${stderr.trim().slice(0, 200)}`)
  return { active, invocation: /^InvocationID=(.*)$/m.exec(stdout)?.[1] ?? '' }
}

async function systemctl(
  { exec }: Pick<SettingsDeps, 'exec'>,
  words: readonly string[],
  timeoutMs: number,
): Promise<ExecResult> {
  try {
    return await exec.run({ argv: ['systemctl', ...words], timeoutMs })
  } catch (error) {
    if (isOsError(error, 'command-not-started'))
      return { exitCode: 127, stdout: '', stderr: 'there is no systemctl' }
    throw error
  }
}

function notStaying(unit: ServiceUnit, reason: string): OsError {
  return new OsError('host', {
    code: 'service-not-staying',
    message: `Cannot apply the settings: ${unit} does not run with them (${reason}); see journalctl -u ${unit}`,
    fields: { unit },
  })
}
