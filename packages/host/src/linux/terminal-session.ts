// A program on this process's own terminal, with an end that cannot be missed: hang-ups and stops
// are handed on, and after a hang-up that is not heeded it is killed.
import { OsError } from '@kubenest/base/errors'

/** Time to end after a hang-up. */
const HANG_UP_LIMIT_MS = 2000
const SIGNAL_BASE = 128

/** How a session ended. */
export interface SessionEnd {
  /** As a shell tells it: 128 + signal for a program that was killed. */
  readonly exitCode: number
  readonly reason: 'exit' | 'time-limit' | 'hang-up' | 'stopped'
}

/** A session to run. */
export interface SessionRequest {
  readonly argv: readonly [string, ...string[]]
  readonly limitMs: number
  /** Ends the session, too. */
  readonly stop: AbortSignal
}

/** Runs a program on our standard streams until it ends or has to. */
export async function runTerminalSession(request: SessionRequest): Promise<SessionEnd> {
  const child = start(request.argv)
  let reason: SessionEnd['reason'] = 'exit'
  let lastResort: ReturnType<typeof setTimeout> | undefined
  const end = (why: SessionEnd['reason']) => {
    if (reason !== 'exit') return
    reason = why
    // An interactive shell ignores SIGTERM; a hang-up also reaches its jobs.
    child.kill('SIGHUP')
    lastResort = setTimeout(() => child.kill('SIGKILL'), HANG_UP_LIMIT_MS)
  }
  const onHangUp = () => end('hang-up')
  const onStop = () => end('stopped')
  const timer = setTimeout(() => end('time-limit'), request.limitMs)
  process.on('SIGHUP', onHangUp)
  request.stop.addEventListener('abort', onStop, { once: true })
  try {
    const code = await child.exited
    const signal = child.signalCode === null ? undefined : SIGNALS.get(String(child.signalCode))
    return { exitCode: signal === undefined ? code : SIGNAL_BASE + signal, reason }
  } finally {
    clearTimeout(timer)
    clearTimeout(lastResort)
    process.off('SIGHUP', onHangUp)
    request.stop.removeEventListener('abort', onStop)
  }
}

/** Process that started this one. */
export function callerPid(): number {
  return process.ppid
}

const SIGNALS: ReadonlyMap<string, number> = new Map([
  ['SIGHUP', 1],
  ['SIGINT', 2],
  ['SIGQUIT', 3],
  ['SIGKILL', 9],
  ['SIGTERM', 15],
])

function start(argv: readonly [string, ...string[]]) {
  try {
    return Bun.spawn([...argv], { stdin: 'inherit', stdout: 'inherit', stderr: 'inherit', env: {} })
  } catch (cause) {
    throw new OsError('host', {
      code: 'nsenter-not-started',
      message: `Cannot start ${argv[0]}: ${cause instanceof Error ? cause.message : String(cause)}; the admin image must hold util-linux`,
      cause,
    })
  }
}
