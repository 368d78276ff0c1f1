// Row 1: nobody owns the node. What our last operation left behind is cleared, nothing else is
// touched.
import type { Facts, Subject } from './facts.ts'
import { readOperation } from './operation-record.ts'
import type { Step } from './step.ts'
import { isCordonedByUs, isIdle, workLabel } from './subject.ts'

/**
 * The label is the last thing of an operation to go (decision 8), so a crash may leave it. The
 * operator writes the OSInstance before the label: only a fresh read of the instance tells a
 * leftover label from that of a new assignment.
 */
export function nextIdleStep(facts: Facts, { node, instance }: Subject): Step {
  const isEnded = isIdle(instance) && readOperation(instance)?.endedAt !== undefined
  const label = isEnded ? workLabel(node) : undefined
  if (!isCordonedByUs(node) && label === undefined) return { do: 'rest' }
  if (!facts.isInstanceFresh) return { do: 'refreshInstance' }
  return isCordonedByUs(node) || label === undefined
    ? { do: 'uncordon' }
    : { do: 'removeLabel', label }
}
