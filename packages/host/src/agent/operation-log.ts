// The running operation, or the last one, as `status` tells it. In memory only: what must survive a
// restart is in the engine's journal.
import type { AgentPhase, AgentStatus } from '@kubenest/api/agent/rpc'
import type { Clock } from '@kubenest/base/clock'
import type { OsError } from '@kubenest/base/errors'
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

/** Makes an empty log. `attempt` counts starts of the same id and type in a row. */
export function createOperationLog(clock: Clock): OperationLog {
  let record: OperationRecord | undefined

  function change(changes: Partial<OperationRecord>): void {
    if (record !== undefined) record = { ...record, ...changes }
  }

  return {
    start({ id, type, phase, message }) {
      const isRepeat = record?.id === id && record.type === type
      const attempt = isRepeat ? (record?.attempt ?? 0) + 1 : 1
      const since = new Date(clock.nowMs()).toISOString()
      record = { id, type, running: true, phase, attempt, since, message }
    },
    progress: ({ phase, bytesDone, bytesTotal }) =>
      change({ phase, bytesDone, ...(bytesTotal === undefined ? {} : { bytesTotal }) }),
    succeed: (phase, message) => change({ running: false, phase, message }),
    fail: (error) =>
      change({
        running: false,
        phase: 'Failed',
        message: error.message,
        lastError: renderFailure(error),
      }),
    view: () => record,
  }
}
