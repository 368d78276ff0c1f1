// What the operator tidies up beside rollouts (contract 2.1, decision 9, I23): OSInstances of nodes
// that are gone, nodes whose OS object was deleted and whose proxy does nothing about it, serial
// labels nobody uses. A node that is armed or on trial is left to its proxy: idle while armed would
// be a lie (I22). Pure.
import type { OperationPhase } from '@kubenest/api/os/records'
import { isSelected } from './select-nodes.ts'
import type { InstanceFacts, NodeFacts, OsFacts } from './facts.ts'

/** The proxy has this long to abort or finish by itself after its OS object was deleted. */
export const ORPHAN_PATIENCE_MS = 5 * 60_000

const LEFT_TO_PROXY: readonly OperationPhase[] = ['Armed', 'Trial', 'Finishing']

/** What tidying rests on. */
export interface CleanupFacts {
  oses: readonly OsFacts[]
  nodes: readonly NodeFacts[]
  /** All OSInstances that carry the documented node label, of any namespace, with that label. */
  instances: readonly { instance: InstanceFacts; node: string | undefined }[]
  firstSeenMs: (key: string) => number | undefined
}

/**
 * A node to be freed: its OSInstance returns to idle, its labels go, and our own cordon mark with
 * them.
 */
export interface OrphanRelease {
  node: NodeFacts
  instance: InstanceFacts
  /** True only when the cordon carries the mark of the operation that is given up (I18). */
  uncordon: boolean
}

/** What is tidied up now. */
export interface CleanupPlan {
  deleteInstances: InstanceFacts[]
  release: OrphanRelease[]
  serialLabels: NodeFacts[]
  sightings: string[]
  lookAgainMs: number | undefined
}

/** Plans the tidying. */
export function planCleanup(facts: CleanupFacts, nowMs: number): CleanupPlan {
  const nodes = new Map(facts.nodes.map((node) => [node.name, node]))
  const keys = new Set(facts.oses.filter(({ deleting }) => !deleting).map(({ key }) => key))
  const deleteInstances: InstanceFacts[] = []
  const release: OrphanRelease[] = []
  const sightings: string[] = []
  for (const { instance, node: label } of facts.instances) {
    const node = nodes.get(label ?? instance.name)
    if (node === undefined) {
      if (label !== undefined) deleteInstances.push(instance)
      continue
    }
    if (!isOrphan(instance, node, keys)) continue
    const sighting = `orphan/${node.name}/${instance.claim ?? ''}`
    sightings.push(sighting)
    if (nowMs - (facts.firstSeenMs(sighting) ?? nowMs) < ORPHAN_PATIENCE_MS) continue
    release.push({ node, instance, uncordon: isOurCordon(node, instance) })
  }
  const waitsFromMs = sightings.map((key) => facts.firstSeenMs(key) ?? nowMs)
  const dueMs = waitsFromMs.map((ms) => ms + ORPHAN_PATIENCE_MS).filter((ms) => ms > nowMs)
  return {
    deleteInstances,
    release,
    serialLabels: unusedSerialLabels(facts),
    sightings,
    lookAgainMs: dueMs.length === 0 ? undefined : Math.min(...dueMs),
  }
}

/**
 * Work of ours whose OS object is gone. What was never stamped by us is not ours to touch (contract
 * X41).
 */
function isOrphan(instance: InstanceFacts, node: NodeFacts, keys: ReadonlySet<string>): boolean {
  if (instance.claim === undefined || instance.owner === undefined || instance.isIdle) return false
  if (keys.has(instance.owner)) return false
  const { operation } = instance
  const isRunning = operation !== undefined && operation.id === instance.claim
  return !(isRunning && LEFT_TO_PROXY.includes(operation.phase)) && node.name === instance.name
}

function isOurCordon(node: NodeFacts, instance: InstanceFacts): boolean {
  return node.cordonedBy !== undefined && node.cordonedBy === instance.claim
}

/** Serial labels on nodes that no serial rollout means. */
function unusedSerialLabels(facts: CleanupFacts): NodeFacts[] {
  const serial = facts.oses.filter(({ deleting, mode }) => !deleting && mode === 'serial')
  return facts.nodes.filter(
    (node) => node.isSerial && !serial.some(({ nodeSelector }) => isSelected(nodeSelector, node)),
  )
}
