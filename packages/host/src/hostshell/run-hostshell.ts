// A root shell on the host, from the admin container: recorded at both ends, ended at its limit.
import type { Clock } from '@kubenest/base/clock'
import { OsError } from '@kubenest/base/errors'
import { createLogger, type Logger } from '@kubenest/base/log'
import type { SessionEnd, SessionRequest } from '../linux/terminal-session.ts'
import { planShell, type ShellPlan } from './plan-shell.ts'
import { openSessionRecord } from './session-record.ts'

const MINUTE_MS = 60_000

/** What a session needs of its surroundings. */
export interface HostshellDeps {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stop: AbortSignal
  readonly stderr: (text: string) => void
  readonly clock: Clock
  /** The shell in the container. */
  readonly callerPid: number
  readonly uid: number
  /** Root folder of the host as the container sees it. */
  readonly hostRoot: string
  /** Process 1 is of the container itself; `undefined` when that cannot be told. */
  readonly sharesMountsWithInit: boolean | undefined
  readonly runSession: (request: SessionRequest) => Promise<SessionEnd>
}

/** Runs a session to its end; returns the shell's exit code. */
export async function runHostshell(deps: HostshellDeps): Promise<number> {
  if (deps.sharesMountsWithInit !== false) throw notInAdminContainer(deps.sharesMountsWithInit)
  const plan = planShell(deps.callerPid, deps.env)
  const record = await openSessionRecord(deps.hostRoot)
  try {
    const log = createLogger({ write: (line) => record.write(line), clock: deps.clock })
    return await recorded(deps, plan, log)
  } finally {
    await record.close()
  }
}

async function recorded(deps: HostshellDeps, plan: ShellPlan, log: Logger): Promise<number> {
  const { clock, env, callerPid, uid } = deps
  const session = crypto.randomUUID()
  const who = { session, uid, pid: callerPid, pod: env['HOSTNAME'], from: env['SSH_CONNECTION'] }
  const { limitMinutes } = plan
  log.info('audit', { event: 'session-started', type: 'hostshell', ...who, limitMinutes })
  const limitMs = limitMinutes * MINUTE_MS
  deps.stderr(greeting(limitMinutes, clock.nowMs() + limitMs))
  const startedMs = clock.monotonicMs()
  const cancelWarning = warnBeforeEnd(deps, limitMs)
  let end: SessionEnd | undefined
  try {
    end = await deps.runSession({ argv: plan.argv, limitMs, stop: deps.stop })
    if (end.reason === 'time-limit') deps.stderr('\r\nhostshell: the time limit is reached\r\n')
    return end.exitCode
  } finally {
    cancelWarning()
    const seconds = Math.round((clock.monotonicMs() - startedMs) / 1000)
    const how = { exitCode: end?.exitCode, reason: end?.reason ?? 'not-started', seconds }
    log.info('audit', { event: 'session-ended', type: 'hostshell', session, ...how })
  }
}

function greeting(limitMinutes: number, endMs: number): string {
  const time = new Date(endMs).toISOString().slice(11, 19)
  return `hostshell: a root shell on the host; the session is recorded and ends at ${time} UTC (${limitMinutes} minutes)\n`
}

function warnBeforeEnd({ clock, stderr }: HostshellDeps, limitMs: number): () => void {
  if (limitMs <= MINUTE_MS) return () => {}
  return clock.schedule(limitMs - MINUTE_MS, () =>
    stderr('\r\nhostshell: the session ends in one minute\r\n'),
  )
}

function notInAdminContainer(shares: boolean | undefined): OsError {
  const reason =
    shares === undefined
      ? "the host's first process cannot be looked at; the container must be privileged"
      : "process 1 is this container's own; set hostPID: true, and call it inside the admin container"
  return new OsError('invalid', {
    code: 'not-in-admin-container',
    message: `Cannot start a host shell: ${reason}`,
  })
}
