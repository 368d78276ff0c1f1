// Reading what stands on objects, for invariants: annotations as records, and what changed between
// two versions.
import type { KubeObject, Node } from '@kubenest/api/core/objects'
import {
  LABELS,
  NODE_ANNOTATIONS,
  OS_ANNOTATIONS,
  OS_INSTANCE_ANNOTATIONS,
} from '@kubenest/api/os/names'
import type { Os, OsInstance } from '@kubenest/api/os/os'
import {
  imageIdentity,
  parseRecord,
  type Claim,
  type ImageIdentity,
  type OperationRecord,
  type RolloutRecord,
  type Verdict,
} from '@kubenest/api/os/records'
import type { StoredChange } from '../fakes/object-store.ts'

export const OS_COLLECTION = 'upgrade.openeuler.org/os'
export const INSTANCE_COLLECTION = 'upgrade.openeuler.org/osinstances'
export const NODE_COLLECTION = '/nodes'

/** Both versions of a change to one kind of object; `undefined` for other kinds. */
export function changeOf<T extends KubeObject>(
  change: StoredChange,
  collection: string,
): { old: T | undefined; current: T | undefined } | undefined {
  if (change.collection !== collection) return undefined
  return { old: change.old as T | undefined, current: change.current as T | undefined }
}

export function claimsOf(os: Os | undefined): Claim[] {
  const claims = parseRecord<Claim[]>(os?.metadata.annotations?.[OS_ANNOTATIONS.claims])
  return Array.isArray(claims) ? claims.filter(({ osUid }) => osUid === os?.metadata.uid) : []
}

/** Claims of this object that an older version did not have. */
export function newClaims(old: Os | undefined, current: Os | undefined): Claim[] {
  const known = new Set(claimsOf(old).map(({ id }) => id))
  return claimsOf(current).filter(({ id }) => !known.has(id))
}

export function rolloutOf(os: Os | undefined): RolloutRecord | undefined {
  return parseRecord<RolloutRecord>(os?.metadata.annotations?.[OS_ANNOTATIONS.rollout])
}

export function hasGrant(os: Os | undefined): boolean {
  return os?.metadata.annotations?.[OS_ANNOTATIONS.attempt] !== undefined
}

export function imageOf(os: Os): ImageIdentity {
  return imageIdentity(os.spec?.checksum, os.spec?.osversion ?? '')
}

export function isSameImage(a: ImageIdentity, b: ImageIdentity): boolean {
  return a.digest === b.digest && a.version === b.version
}

export function operationOf(instance: OsInstance | undefined): OperationRecord | undefined {
  return parseRecord(instance?.metadata.annotations?.[OS_INSTANCE_ANNOTATIONS.operation])
}

export function verdictOf(instance: OsInstance | undefined): Verdict | undefined {
  return parseRecord(instance?.metadata.annotations?.[OS_INSTANCE_ANNOTATIONS.verdict])
}

/** A verdict that a change wrote. */
export function newVerdict(change: StoredChange): Verdict | undefined {
  const found = changeOf<OsInstance>(change, INSTANCE_COLLECTION)
  const verdict = verdictOf(found?.current)
  return JSON.stringify(verdict) === JSON.stringify(verdictOf(found?.old)) ? undefined : verdict
}

export function isIdle(instance: OsInstance): boolean {
  return (instance.spec?.nodestatus ?? 'idle') === 'idle'
}

export function ownerOf(instance: OsInstance): string | undefined {
  const owner = instance.spec?.namespacedname
  return owner?.name === undefined ? undefined : `${owner.namespace ?? ''}/${owner.name}`
}

export function isUnschedulable(node: Node | undefined): boolean {
  return node?.spec?.unschedulable === true
}

/** Operation id of our cordon. */
export function markOf(node: Node | undefined): string | undefined {
  return node?.metadata.annotations?.[NODE_ANNOTATIONS.cordonedBy]
}

/** Labels of ours on a node. */
export function labelsOf(node: Node): string[] {
  const ours: string[] = [LABELS.upgrading, LABELS.configuring, LABELS.serial]
  return ours.filter((label) => node.metadata.labels?.[label] !== undefined)
}
