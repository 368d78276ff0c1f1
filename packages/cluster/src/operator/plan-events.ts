// What is told of a rollout as Events of its OS object: starts, failures, the halt, the end. Each
// follows from a change of the durable record, so it is told once. A courtesy; status says it, too.
// Pure.
import { OS_ANNOTATIONS } from '@kubenest/api/os/names'
import { parseRecord, type NodeFailure, type RolloutRecord } from '@kubenest/api/os/records'
import type { EventText } from '@kubenest/kube/controller/events'
import type { OsFacts } from './facts.ts'
import type { RolloutPlan } from './plan-rollout.ts'
import { nameList, nodeCount, what } from './sentences.ts'

/** A fleet that fails all at once is told by the halt. */
const FAILURES_TOLD_MAX = 5

/** Events of a plan that was carried out. */
export function planEvents(os: OsFacts, plan: RolloutPlan): EventText[] {
  const after = parseRecord<RolloutRecord>(plan.record?.[OS_ANNOTATIONS.rollout] ?? undefined)
  return [
    ...startEvents(os, plan),
    ...(after === undefined ? [] : [...failureEvents(os, after), ...endEvents(os, plan, after)]),
  ]
}

function startEvents(os: OsFacts, { assign }: RolloutPlan): EventText[] {
  if (assign.length === 0) return []
  const names = nameList(assign.map(({ claim }) => claim.node).sort())
  const message = `${nodeCount(assign.length)} started (${names}): ${os.operation} to ${what(os)}.`
  return [{ type: 'Normal', reason: 'NodesStarted', message }]
}

function failureEvents(os: OsFacts, after: RolloutRecord): EventText[] {
  const known = new Set(failuresOf(os.rollout).map(({ claim }) => claim))
  return failuresOf(after)
    .filter(({ claim }) => !known.has(claim))
    .slice(0, FAILURES_TOLD_MAX)
    .map(({ node, outcome, reason, message }) => ({
      type: 'Warning',
      reason: `Node${outcome}`,
      message: `Node ${node}: ${reason}: ${message}`,
    }))
}

function failuresOf(record: RolloutRecord | undefined): NodeFailure[] {
  return [record, ...(record?.earlier ?? [])].flatMap((each) => each?.failures ?? [])
}

function endEvents(os: OsFacts, plan: RolloutPlan, after: RolloutRecord): EventText[] {
  const before = os.rollout
  const { halted, finishedAt } = after
  const isNewHalt = halted !== undefined && halted.at !== before?.halted?.at
  const isNewEnd = finishedAt !== undefined && finishedAt !== before?.finishedAt
  const total = nodeCount(plan.status.nodes ?? 0)
  return [
    ...(isNewHalt ? [{ type: 'Warning', reason: 'Halted', message: halted.message } as const] : []),
    ...(isNewEnd
      ? [{ type: 'Normal', reason: 'Complete', message: `${total} at ${what(os)}.` } as const]
      : []),
  ]
}
