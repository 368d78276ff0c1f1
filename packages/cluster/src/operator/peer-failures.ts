// How a node of upstream's proxy failed: that proxy writes no verdict, so the operator looks at
// what the cluster shows (decision 10). Pure.
import type { Claim } from '@kubenest/api/os/records'
import type { InstanceFacts, NodeFacts, OsFacts } from './facts.ts'

/**
 * How long a rebooted, ready node may show its old version before it counts as failed. Counted from
 * the first sighting of this process, so an operator restart begins it anew; the deadline below is
 * counted from the claim and does not.
 */
export const PEER_OLD_VERSION_MS = 5 * 60_000
/** Allowance for download and preparation, beside drain and health deadlines. */
export const PEER_PREPARE_MS = 2 * 3_600_000

/** What is known of a node at work without a word of our proxy. */
export interface PeerJudgement {
  failure?: { outcome: 'FellBack' | 'Failed'; reason: string; message: string }
  /** When to look again. */
  lookAgainMs?: number
  /** Situation to be remembered by the process. */
  sighting?: string
}

/**
 * Judges a claimed, busy node; empty when our proxy has taken the operation up: then its verdict
 * counts.
 */
export function judgePeer(
  os: OsFacts,
  work: { claim: Claim; node: NodeFacts; instance: InstanceFacts },
  nowMs: number,
  firstSeenMs: (key: string) => number | undefined,
): PeerJudgement {
  const { claim, node, instance } = work
  if (instance.operation?.id === claim.id) return {}
  const deadlineMs =
    Date.parse(claim.at) + PEER_PREPARE_MS + os.drainTimeoutMs + os.healthDeadlineMs
  if (nowMs >= deadlineMs) return { failure: deadlineFailure(claim) }
  const hasReturned =
    claim.operation !== 'config' &&
    node.bootId !== claim.bootId &&
    node.isReady &&
    node.osVersion !== claim.image.version
  if (!hasReturned) return { lookAgainMs: deadlineMs }
  const sighting = `old-version/${claim.id}/${node.bootId}`
  const sinceMs = firstSeenMs(sighting) ?? nowMs
  if (nowMs - sinceMs < PEER_OLD_VERSION_MS)
    return { sighting, lookAgainMs: sinceMs + PEER_OLD_VERSION_MS }
  return { sighting, failure: returnedFailure(claim, node) }
}

function returnedFailure(claim: Claim, node: NodeFacts) {
  return {
    outcome: 'FellBack' as const,
    reason: 'PeerReturnedToOldVersion',
    message: `it rebooted and is ready, but still runs ${node.osVersion} instead of ${claim.image.version}`,
  }
}

function deadlineFailure(claim: Claim) {
  return {
    outcome: 'Failed' as const,
    reason: 'PeerDeadline',
    message: `its proxy has not finished the ${claim.operation} that began at ${claim.at}`,
  }
}
