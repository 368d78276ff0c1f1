// Which failures count, when the rollout halts, and where an image is not tried again (decision 5,
// I20, I21). Everything is derived from the record and the OS object, so raising `maxFailures`,
// another image or a person's grant lifts a halt without a reset. Pure.
import type { AttemptGrant, NodeFailure, RolloutRecord } from '@kubenest/api/os/records'
import type { InstanceFacts, NodeFacts, OsFacts } from './facts.ts'
import { FAILURES_KEPT_MAX, rolloutKey, wantedIdentity } from './rollout-record.ts'

/** Reasons that the operator deduced without a proxy's word; a late success takes them back. */
export const DEDUCED_REASONS: readonly string[] = ['PeerReturnedToOldVersion', 'PeerDeadline']

/** Failures that still stand for the present wish. */
export function standingFailures(os: OsFacts, record: RolloutRecord): NodeFailure[] {
  return record.failures.filter((failure) => !isForgiven(os, failure))
}

function isForgiven(os: OsFacts, failure: NodeFailure): boolean {
  const isAnotherRequest =
    failure.fingerprint !== undefined && failure.fingerprint !== os.fingerprint
  // Before arming a corrected request deserves another try; a trial that fell back does not.
  if (failure.outcome !== 'FellBack' && isAnotherRequest) return true
  const grant = grantFor(os, failure.node)
  return grant !== undefined && grant.token !== failure.attempt
}

/** A person's leave to try the present image on this node once more. */
export function grantFor(os: OsFacts, node: string): AttemptGrant | undefined {
  const grant = os.attempt
  if (grant === undefined) return undefined
  const isSame =
    rolloutKey({ ...wantedIdentity(os), image: grant.image }) === rolloutKey(wantedIdentity(os))
  const nodes = grant.nodes ?? []
  return isSame && (nodes.length === 0 || nodes.includes(node)) ? grant : undefined
}

/**
 * Set when enough nodes failed. Skipped nodes do not count. No more than is kept on record can be
 * asked for: a count that cannot be reached would never halt.
 */
export function haltOf(
  os: OsFacts,
  standing: readonly NodeFailure[],
): { failed: NodeFailure[] } | undefined {
  const failed = standing.filter(({ outcome }) => outcome !== 'Skipped')
  return failed.length >= Math.min(os.maxFailures, FAILURES_KEPT_MAX) ? { failed } : undefined
}

/** Why the present image must not be tried on this node; `undefined` when it may. */
export function denialOf(
  os: OsFacts,
  standing: readonly NodeFailure[],
  node: NodeFacts,
  instance: InstanceFacts | undefined,
): { reason: 'ImageFailedHere' | 'Skipped'; why: string; at: string } | undefined {
  const failure = standing.find((each) => each.node === node.name && each.nodeUid === node.uid)
  if (failure !== undefined) {
    const reason = failure.outcome === 'Skipped' ? 'Skipped' : 'ImageFailedHere'
    return { reason, why: `${failure.reason}: ${failure.message}`, at: failure.at }
  }
  const verdict = instance?.verdict
  if (verdict === undefined || verdict.outcome !== 'FellBack' || os.operation === 'config')
    return undefined
  const isSame = rolloutKey({ image: verdict.image }) === rolloutKey(wantedIdentity(os))
  if (!isSame || grantFor(os, node.name) !== undefined) return undefined
  return { reason: 'ImageFailedHere', why: `${verdict.reason}: ${verdict.message}`, at: verdict.at }
}
