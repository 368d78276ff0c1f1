// Labels of nodes: the operation label of what starts, its repair after a crash, serial labels.
// Pure.
import { LABELS } from '@kubenest/api/os/names'
import type { Claim } from '@kubenest/api/os/records'
import type { ClaimState } from './claims.ts'
import type { InstanceFacts, NodeFacts, OsFacts, RolloutFacts } from './facts.ts'
import type { Starts } from './plan-starts.ts'

/** Our own label write may not be in the cache yet. */
export const LABEL_LAG_MS = 2000
/**
 * Upstream's proxy takes the label away before it returns to idle; a missing label means a crash
 * only after this.
 */
export const MISSING_LABEL_MS = 30_000

/** Labels to set ('' ) or remove (null) on a node, in one write. */
export interface LabelChange {
  node: string
  labels: Record<string, '' | null>
  /** Only after the OSInstance of this node was written. */
  afterAssignment: boolean
  /**
   * Claim whose operation label is missing: the OSInstance is read again first, because the proxy
   * may have finished behind a slow watch.
   */
  repairs?: string | undefined
}

interface LabelInput {
  facts: RolloutFacts
  os: OsFacts
  base: readonly NodeFacts[]
  states: readonly ClaimState[]
  starts: Starts
  assign: readonly { claim: Claim }[]
  nowMs: number
}

/** Plans all label writes, at most one for each node. */
export function planLabels(input: LabelInput) {
  const changes = new Map<string, LabelChange>()
  const set = (node: string, label: string, value: '' | null, afterAssignment = false) => {
    const change = changes.get(node) ?? { node, labels: {}, afterAssignment: false }
    change.labels[label] = value
    change.afterAssignment ||= afterAssignment
    changes.set(node, change)
  }
  for (const node of input.starts.serialAdd) set(node, LABELS.serial, '')
  for (const node of input.starts.serialRemove) set(node, LABELS.serial, null)
  for (const { claim } of input.assign) set(claim.node, labelFor(claim.operation), '', true)
  const missing = missingLabels(input)
  for (const { node, label, claim } of missing.due) {
    set(node, label, '')
    const change = changes.get(node)
    if (change !== undefined) change.repairs = claim
  }
  return { changes: [...changes.values()], ...missing }
}

function labelFor(operation: string): string {
  return operation === 'config' ? LABELS.configuring : LABELS.upgrading
}

/**
 * Assigned nodes without a label: the operator ended between the two writes, or the proxy is
 * finishing.
 */
function missingLabels(input: LabelInput) {
  const due: { node: string; label: string; claim: string }[] = []
  const sightings: string[] = []
  const lookAgainMs: number[] = []
  const nodes = new Map(input.facts.nodes.map((node) => [node.name, node]))
  for (const [name, instance] of input.facts.instances) {
    const node = nodes.get(name)
    if (node === undefined || instance.isIdle || instance.owner !== input.os.key) continue
    if (node.isUpgrading || node.isConfiguring) continue
    const sighting = `no-label/${name}/${instance.claim ?? ''}`
    const sinceMs = input.facts.firstSeenMs(sighting) ?? input.nowMs
    const delayMs = mayBeFinishing(input.os, node, instance) ? MISSING_LABEL_MS : LABEL_LAG_MS
    sightings.push(sighting)
    if (input.nowMs - sinceMs < delayMs) lookAgainMs.push(sinceMs + delayMs)
    else due.push({ node: name, label: labelFor(instance.nodeStatus), claim: instance.claim ?? '' })
  }
  return { due, sightings, lookAgainMs }
}

function mayBeFinishing(os: OsFacts, node: NodeFacts, instance: InstanceFacts): boolean {
  if (instance.nodeStatus === 'config')
    return instance.appliedSettingsVersion === instance.systemSettingsVersion
  return node.osVersion === os.targetVersion
}
