// Plain questions to a node, its OSInstance and its OS object. Wire names end here.
import type { Node } from '@kubenest/api/core/objects'
import { LABELS, NODE_ANNOTATIONS } from '@kubenest/api/os/names'
import type { Os, OsInstance } from '@kubenest/api/os/os'
import type { OperationRecord } from '@kubenest/api/os/records'
import type { Subject } from './facts.ts'
import { claimIdOf } from './operation-record.ts'
import type { ConfigKind } from './step.ts'

/** The OS object that owns this node; an empty name counts as none (contract 1.4). */
export function ownerOf(instance: OsInstance): { name: string; namespace: string } | undefined {
  const { name, namespace } = instance.spec?.namespacedname ?? {}
  if (name === undefined || name === '' || namespace === undefined || namespace === '') {
    return undefined
  }
  return { name, namespace }
}

export function isIdle(instance: OsInstance): boolean {
  return (instance.spec?.nodestatus ?? 'idle') === 'idle'
}

/** Version of a set of settings; absent is empty (contract 3.3). */
export function settingsVersion(
  holder:
    | {
        sysconfigs?: { version?: string | undefined } | undefined
        upgradeconfigs?: { version?: string | undefined } | undefined
      }
    | undefined,
  kind: ConfigKind,
): string {
  return holder?.[kind]?.version ?? ''
}

/** Settings that were assigned and are not applied yet. */
export function needsConfigure(instance: OsInstance, kind: ConfigKind): boolean {
  return settingsVersion(instance.spec, kind) !== settingsVersion(instance.status, kind)
}

/** The settings that the OS object wants differ from those that were assigned. */
export function settingsChanged(os: Os, instance: OsInstance, kind: ConfigKind): boolean {
  return settingsVersion(os.spec, kind) !== settingsVersion(instance.spec, kind)
}

export function hasLabel(node: Node, label: string): boolean {
  return node.metadata.labels?.[label] !== undefined
}

/** The label to take off: one at a time, upgrading first, as documented. */
export function workLabel(node: Node): string | undefined {
  return [LABELS.upgrading, LABELS.configuring].find((label) => hasLabel(node, label))
}

/** We cordoned it (decision 8). */
export function isCordonedByUs(node: Node): boolean {
  return node.metadata.annotations?.[NODE_ANNOTATIONS.cordonedBy] !== undefined
}

export function isUnschedulable(node: Node): boolean {
  return node.spec?.unschedulable === true
}

/**
 * Half-finished work of upstream's proxy: its label, no claim of ours, and a cordon without our
 * mark (decision 8).
 */
export function isForeignCordon({ node, instance }: Subject): boolean {
  return (
    isUnschedulable(node) &&
    !isCordonedByUs(node) &&
    hasLabel(node, LABELS.upgrading) &&
    claimIdOf(instance) === undefined
  )
}

export function osImageOf(node: Node): string {
  return node.status?.nodeInfo?.osImage ?? ''
}

export function bootIdOf(node: Node): string {
  return node.status?.nodeInfo?.bootID ?? ''
}

/** Only our cordon, or one that was taken over, is ever lifted (I18). */
export function mayUncordon(node: Node, operation: OperationRecord | undefined): boolean {
  return isCordonedByUs(node) || (operation?.adopted === true && isUnschedulable(node))
}
