// What is told of a node's operation as Events of its OSInstance: the phases that a person waits
// for, what blocks a drain, and the outcome. A courtesy; status says it, too. Pure.
import type { OperationRecord, Verdict } from '@kubenest/api/os/records'
import type { EventText } from '@kubenest/kube/controller/events'

/** The Event of a record that was written; `undefined` for phases that pass at once. */
export function eventOf(
  operation: OperationRecord,
  verdict: Verdict | undefined,
): EventText | undefined {
  if (verdict !== undefined) return outcomeEvent(verdict)
  const { phase, type, image, drainStops = 0 } = operation
  const normal = (reason: string, message: string): EventText => ({
    type: 'Normal',
    reason,
    message,
  })
  if (phase === 'Configuring') return normal('Started', `Began the ${type} to ${image.version}`)
  if (phase === 'Drained') return normal('Drained', 'No pod is left that has to go')
  if (phase === 'Armed') return normal('Armed', `The node reboots into ${image.version}`)
  if (phase !== 'SlotVerified') return undefined
  return drainStops === 0
    ? normal('SlotVerified', `The standby slot holds ${image.version}, verified`)
    : {
        type: 'Warning',
        reason: 'DrainStopped',
        message: 'The drain ended at its deadline; the node takes pods again meanwhile',
      }
}

function outcomeEvent({ outcome, reason, message }: Verdict): EventText {
  return {
    type: outcome === 'Succeeded' || outcome === 'Aborted' ? 'Normal' : 'Warning',
    reason: outcome,
    message: `${reason}: ${message}`,
  }
}

/** What blocks a drain, pods and budgets by name; `undefined` when nothing does. */
export function blockedEvent(blockers: readonly string[]): EventText | undefined {
  if (blockers.length === 0) return undefined
  return {
    type: 'Warning',
    reason: 'DrainBlocked',
    message: `Cannot drain: ${blockers.join('; ')}`,
  }
}
