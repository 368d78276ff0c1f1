// Settings are applied by a long call, like everything that lasts: meanwhile a changed or deleted
// OS object is noticed and the status is written.
import type { Facts } from './facts.ts'
import { reasonOf } from './judge-failure.ts'
import { failureOf, retryOr } from './retry-or.ts'
import type { ConfigKind, Step } from './step.ts'
import { settingsVersion } from './subject.ts'
import type { OperationRecord } from '@kubenest/api/os/records'
import type { OsInstance } from '@kubenest/api/os/os'

const LOOK_MS = 60_000
/** The old files are back, but a service was disturbed: not again before something is changed. */
const ONCE_CODES: ReadonlySet<string> = new Set(['service-not-staying', 'settings-undo-failed'])

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
  const restart = restartsServices(facts, operation)
  const version = settingsVersion(instance.spec, kind)
  const callId = `${operation.id}/${kind}/${version}${restart ? '/restart' : ''}`
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
  const failure = failureOf(facts, ref)
  if (failure !== undefined && ONCE_CODES.has(failure.error.code)) {
    return { do: 'rest', reason: reasonOf(failure.error.code), message: failure.error.message }
  }
  return retryOr(facts, ref, nowMs) ?? { do: 'configure', kind, operationId: callId, restart }
}

/** An upgrade ends with a reboot, and its nodes are more than one at a time. */
function restartsServices(facts: Facts, operation: OperationRecord): boolean {
  const isWanted =
    facts.os.state === 'present' && facts.os.os.spec?.rollout?.restartServices === true
  return isWanted && operation.type === 'config'
}
