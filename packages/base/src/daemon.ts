// Long-running child programs: started with a log file, known by process id and start time (so that
// a process that merely inherited the id is never signalled), and killed with their whole group.
import * as fs from 'node:fs'
import { OsError } from './errors.ts'
import type { Clock } from './clock.ts'

/** Names one process for ever: ids are reused, an id together with its start time is not. */
export interface ProcessIdentity {
  readonly pid: number
  /** Field 22 of /proc/PID/stat, clock ticks since boot. */
  readonly startTicks: number
  readonly bootId: string
}

export interface DaemonRequest {
  readonly argv: readonly [string, ...string[]]
  /** Whole environment, beside PATH and LANG=C.UTF-8. */
  readonly env?: Readonly<Record<string, string>>
  /** @defaultValue '/' */
  readonly cwd?: string
  /** Standard output and error are appended here; created with mode 0600. */
  readonly logFile: string
  /**
   * The program is killed when this process dies, however it dies (through setpriv). @defaultValue
   * true
   */
  readonly diesWithUs?: boolean
}

/** A started program. */
export interface Daemon {
  readonly identity: ProcessIdentity
  /** Resolves with the exit code, or 128 plus the signal number. */
  readonly exited: Promise<number>
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Starts a program in a session of its own.
 *
 * @throws {OsError} kind `host`, code `command-not-started`.
 */
export function startDaemon(request: DaemonRequest): Daemon {
  const log = fs.openSync(request.logFile, 'a', 0o600)
  const bound = request.diesWithUs ?? true
  try {
    const child = Bun.spawn(
      bound ? ['setpriv', '--pdeathsig', 'KILL', ...request.argv] : [...request.argv],
      {
        cwd: request.cwd ?? '/',
        env: { PATH, LANG: 'C.UTF-8', ...request.env },
        stdin: 'ignore',
        stdout: log,
        stderr: log,
        detached: true,
      },
    )
    if (!bound) child.unref()
    const identity = identifyProcess(child.pid)
    const exited = child.exited
    return { identity: identity ?? { pid: child.pid, startTicks: -1, bootId: '' }, exited }
  } catch (cause) {
    throw new OsError('host', {
      code: 'command-not-started',
      message: `Cannot start ${request.argv[0]}: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    })
  } finally {
    fs.closeSync(log)
  }
}

/** Identity of a running process; `undefined` when there is none, or only its unreaped remains. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  try {
    const fields = fs
      .readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined
    const bootId = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return { pid, startTicks: Number(fields[19]), bootId }
  } catch {
    // No such process.
    return undefined
  }
}

/** Identity of this process. */
export function ownIdentity(): ProcessIdentity {
  const identity = identifyProcess(process.pid)
  if (identity === undefined)
    throw new OsError('host', {
      code: 'proc-missing',
      message: 'Cannot identify this process: /proc is not mounted',
    })
  return identity
}

/** True while exactly this process runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  const now = identifyProcess(identity.pid)
  return now?.startTicks === identity.startTicks && now.bootId === identity.bootId
}

/** Signals this process and its group; does nothing when it has ended. */
export function signalProcess(identity: ProcessIdentity, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (!isRunning(identity)) return
  for (const target of [-identity.pid, identity.pid]) {
    try {
      process.kill(target, signal)
    } catch {
      // It ended in this moment, or leads no group.
    }
  }
}

/** Asks the process to end, waits, then kills it. Returns when it is gone. */
export async function stopProcess(
  identity: ProcessIdentity,
  clock: Clock,
  graceMs: number,
): Promise<void> {
  if (graceMs > 0) signalProcess(identity, 'SIGTERM')
  const deadline = clock.monotonicMs() + graceMs
  while (isRunning(identity) && clock.monotonicMs() < deadline) await clock.sleep(20)
  signalProcess(identity, 'SIGKILL')
  for (let looks = 0; isRunning(identity) && looks < 250; looks += 1) await clock.sleep(20)
}
