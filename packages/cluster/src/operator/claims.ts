// What has become of each claim (decision 4). A claim leaves the list only when its OSInstance
// carries its id, is idle and unowned again, and the label is gone; one that was never written to
// its OSInstance can therefore not be forgotten while another operator may still write it. Pure.
import type { Claim, NodeFailure, Verdict } from '@kubenest/api/os/records'
import type { InstanceFacts, NodeFacts, OsFacts, RolloutFacts } from './facts.ts'

/** A claim and what the cluster shows of it. */
export type ClaimState =
  /** Of another OS object, or of a node that is gone: dropped. */
  | { state: 'foreign'; claim: Claim; leftover?: InstanceFacts }
  /** The OSInstance does not carry the id: nothing has started. */
  | { state: 'unstarted'; claim: Claim; node: NodeFacts; instance: InstanceFacts | undefined }
  | { state: 'working'; claim: Claim; node: NodeFacts; instance: InstanceFacts }
  | {
      state: 'finished'
      claim: Claim
      node: NodeFacts
      succeeded: boolean
      /** The proxy's word, where there is one. */
      verdict: Verdict | undefined
      failure?: NodeFailure
    }

/** Judges every claim of the OS object. */
export function judgeClaims(facts: RolloutFacts): ClaimState[] {
  const nodes = new Map(facts.nodes.map((node) => [node.name, node]))
  return facts.os.claims.map((claim) => {
    const instance = facts.instances.get(claim.node)
    return judgeClaim(facts.os, claim, nodes.get(claim.node), instance)
  })
}

function judgeClaim(
  os: OsFacts,
  claim: Claim,
  node: NodeFacts | undefined,
  instance: InstanceFacts | undefined,
): ClaimState {
  if (claim.osUid !== os.uid) return { state: 'foreign', claim }
  if (node === undefined || node.uid !== claim.nodeUid) {
    const isStamped = node !== undefined && instance?.claim === claim.id && !isFree(instance)
    return { state: 'foreign', claim, ...(isStamped ? { leftover: instance } : {}) }
  }
  if (instance === undefined || instance.claim !== claim.id)
    return { state: 'unstarted', claim, node, instance }
  if (!isFree(instance) || node.isUpgrading || node.isConfiguring)
    return { state: 'working', claim, node, instance }
  return finished(os, claim, node, instance)
}

/** Idle and owned by nobody: may be assigned. */
export function isFree(instance: InstanceFacts): boolean {
  return instance.isIdle && instance.owner === undefined
}

function finished(os: OsFacts, claim: Claim, node: NodeFacts, instance: InstanceFacts): ClaimState {
  const verdict = verdictOf(claim, instance)
  const succeeded =
    verdict === undefined
      ? claim.operation !== 'config' && node.osVersion === claim.image.version
      : verdict.outcome === 'Succeeded'
  const failure = verdict === undefined ? undefined : failureOf(os, claim, verdict)
  return {
    state: 'finished',
    claim,
    node,
    succeeded,
    verdict,
    ...(failure === undefined ? {} : { failure }),
  }
}

/** The proxy's word on this claim. */
export function verdictOf(claim: Claim, instance: InstanceFacts): Verdict | undefined {
  return instance.verdict?.id === claim.id ? instance.verdict : undefined
}

/** The failure that a verdict means; none for success and abortion. */
export function failureOf(os: OsFacts, claim: Claim, verdict: Verdict): NodeFailure | undefined {
  if (verdict.outcome === 'Succeeded' || verdict.outcome === 'Aborted') return undefined
  return failureRecord(os, claim, { ...verdict, outcome: verdict.outcome })
}

/** A failure as it is kept. */
export function failureRecord(
  os: OsFacts,
  claim: Claim,
  what: Pick<NodeFailure, 'outcome' | 'reason' | 'message' | 'at'>,
): NodeFailure {
  return {
    node: claim.node,
    nodeUid: claim.nodeUid,
    claim: claim.id,
    outcome: what.outcome,
    reason: what.reason,
    message: what.message,
    at: what.at,
    fingerprint: os.fingerprint,
    ...(claim.attempt === undefined ? {} : { attempt: claim.attempt }),
  }
}
