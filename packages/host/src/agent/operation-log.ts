// The running operation, or the last one, as `status` tells it. Kept beside the socket until the
// next boot, because an idle agent ends and a person asks later; decisions never read it.
import type { AgentPhase, AgentStatus } from '@kubenest/api/agent/rpc'
import type { Clock } from '@kubenest/base/clock'
import { OsError } from '@kubenest/base/errors'
import { renderFailure } from './rpc/rpc-errors.ts'
import type { ProgressUpdate } from './update/update-engine.ts'

export type OperationRecord = NonNullable<AgentStatus['operation']>

/** What an operation is, at its start. */
export interface OperationStart {
  readonly id: string
  readonly type: OperationRecord['type']
  readonly phase: AgentPhase
  readonly message: string
}

/** Keeps the one operation that `status` tells of. */
export interface OperationLog {
  start(operation: OperationStart): void
  progress(update: ProgressUpdate): void
  succeed(phase: AgentPhase, message: string): void
  fail(error: OsError): void
  view(): OperationRecord | undefined
}

/** What an earlier process of this boot left, and where to leave our own. */
export interface OperationMemory {
  readonly before?: OperationRecord | undefined
  /** Called when an operation starts and when it ends. */
  readonly keep: (record: OperationRecord) => void
  /** Resolves when everything that was given is kept. */
  readonly settled: () => Promise<void>
}

/** Makes the log. `attempt` counts starts of the same id and type in a row. */
export function createOperationLog(
  clock: Clock,
  memory: Omit<OperationMemory, 'settled'>,
): OperationLog {
  let record = memory.before === undefined ? undefined : ended(memory.before)

  function keep(next: OperationRecord): void {
    record = next
    memory.keep(next)
  }

  function end(changes: Partial<OperationRecord>): void {
    if (record !== undefined) keep({ ...record, ...changes, running: false })
  }

  function change(changes: Partial<OperationRecord>): void {
    if (record !== undefined) record = { ...record, ...changes }
  }

  return {
    start({ id, type, phase, message }) {
      const isRepeat = record?.id === id && record.type === type
      const attempt = isRepeat ? (record?.attempt ?? 0) + 1 : 1
      const since = new Date(clock.nowMs()).toISOString()
      keep({ id, type, running: true, phase, attempt, since, message })
    },
    progress: ({ phase, bytesDone, bytesTotal }) =>
      change({ phase, bytesDone, ...(bytesTotal === undefined ? {} : { bytesTotal }) }),
    succeed: (phase, message) => end({ phase, message }),
    fail: (error) =>
      end({ phase: 'Failed', message: error.message, lastError: renderFailure(error) }),
    view: () => record,
  }
}

/** An operation that ran when its process ended did not come to its end. */
function ended(before: OperationRecord): OperationRecord {
  if (!before.running) return before
  const message = `Cannot finish ${before.type}: the agent ended in the middle; repeat the request`
  const error = new OsError('transient', { code: 'agent-ended', message })
  return { ...before, running: false, phase: 'Failed', message, lastError: renderFailure(error) }
}
