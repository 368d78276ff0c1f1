// Settings are applied by a long call, like everything that lasts: meanwhile a changed or deleted
// OS object is noticed and the status is written.
import type { Facts } from './facts.ts'
import { retryOr } from './retry-or.ts'
import type { ConfigKind, Step } from './step.ts'
import { settingsVersion } from './subject.ts'
import type { OperationRecord } from '@kubenest/api/os/records'
import type { OsInstance } from '@kubenest/api/os/os'

const LOOK_MS = 60_000

/** Starts the call, waits for it, or writes down that it is done. */
export function applySettings(
  facts: Facts,
  work: {
    readonly instance: OsInstance
    readonly operation: OperationRecord
    readonly kind: ConfigKind
  },
  nowMs: number,
): Step {
  const { instance, operation, kind } = work
  // Another version is another call: what an earlier one applied or failed at says nothing of it.
  const callId = `${operation.id}/${kind}/${settingsVersion(instance.spec, kind)}`
  const { task } = facts
  if (task?.kind === 'configure' && task.operationId === callId) {
    return task.state === 'done'
      ? { do: 'recordApplied', kind }
      : {
          do: 'wait',
          reason: 'Configuring',
          message: 'The agent applies the settings',
          untilMs: nowMs + LOOK_MS,
          keeps: 'configure',
        }
  }
  const ref = { step: 'configure', operationId: callId } as const
  return retryOr(facts, ref, nowMs) ?? { do: 'configure', kind, operationId: callId }
}
