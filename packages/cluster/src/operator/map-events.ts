// Which OS objects a change concerns. Heartbeats and our own status writes concern none: an idle
// operator does nothing.
import type { Node } from '@kubenest/api/core/objects'
import type { Os, OsInstance } from '@kubenest/api/os/os'
import type { CacheChange } from '@kubenest/kube/informer/informer'
import { objectKey } from '@kubenest/kube/object-key'
import { NODE_SELECTOR_NO_LABEL, OS_ANNOTATIONS } from '@kubenest/api/os/names'
import { nodeFacts } from './facts.ts'
import type { OperatorCaches } from './gather-facts.ts'
import { isSelected } from './select-nodes.ts'

/**
 * Keys of OS objects to look at after an OS object changed: itself, and all when its selector did.
 */
export function osesOfOsChange(caches: OperatorCaches, change: CacheChange<Os>): string[] {
  const { old, current } = change
  const key = objectKey(current ?? (old as Os))
  if (old !== undefined && current !== undefined) {
    if (content(old) === content(current)) return []
    if (old.spec?.nodeselector === current.spec?.nodeselector && !isLeaving(old, current))
      return [key]
  }
  return [
    key,
    ...caches.oses
      .list()
      .map(objectKey)
      .filter((each) => each !== key),
  ]
}

function isLeaving(old: Os, current: Os): boolean {
  return old.metadata.deletionTimestamp !== current.metadata.deletionTimestamp
}

/** Everything but the status, which we write ourselves. */
function content({ metadata, spec }: Os): string {
  const { resourceVersion: _, ...rest } = metadata
  return JSON.stringify([rest, spec])
}

/** Keys of OS objects that mean the node, before or after the change. */
export function osesOfNodeChange(caches: OperatorCaches, change: CacheChange<Node>): string[] {
  const { old, current } = change
  if (old !== undefined && current !== undefined && withoutVersion(old) === withoutVersion(current))
    return []
  const facts = [old, current].flatMap((node) => (node === undefined ? [] : [nodeFacts(node)]))
  const name = (current ?? old)?.metadata.name ?? ''
  const owner = ownerOf(caches.instances.get(`default/${name}`))
  return caches.oses
    .list()
    .filter(
      (os) =>
        objectKey(os) === owner ||
        hasClaimOn(os, name) ||
        facts.some((node) => isSelected(selectorOf(os), node)),
    )
    .map(objectKey)
}

/** Keys of OS objects that own the OSInstance, before or after, or mean its node. */
export function osesOfInstanceChange(
  caches: OperatorCaches,
  change: CacheChange<OsInstance>,
): string[] {
  const { old, current } = change
  if (old !== undefined && current !== undefined && withoutVersion(old) === withoutVersion(current))
    return []
  const owners = new Set([ownerOf(old), ownerOf(current)])
  const name = (current ?? old)?.metadata.name ?? ''
  const node = caches.nodes.get(name)
  const facts = node === undefined ? undefined : nodeFacts(node)
  return caches.oses
    .list()
    .filter(
      (os) =>
        owners.has(objectKey(os)) ||
        hasClaimOn(os, name) ||
        (facts !== undefined && isSelected(selectorOf(os), facts)),
    )
    .map(objectKey)
}

/** `namespace/name` of the OS object that owns the node. */
export function ownerOf(instance: OsInstance | undefined): string | undefined {
  const owner = instance?.spec?.namespacedname
  return owner?.name === undefined || owner.name === ''
    ? undefined
    : `${owner.namespace ?? ''}/${owner.name}`
}

/** Also of nodes that it no longer selects: their end frees a place within the cap. */
function hasClaimOn(os: Os, node: string): boolean {
  const claims = os.metadata.annotations?.[OS_ANNOTATIONS.claims]
  return claims?.includes(`"node":${JSON.stringify(node)}`) === true
}

function selectorOf(os: Os): string {
  return os.spec?.nodeselector ?? NODE_SELECTOR_NO_LABEL
}

/** Caches hold trimmed objects, so what is left besides the version is what we read. */
function withoutVersion(object: Node | OsInstance): string {
  const { resourceVersion: _, ...metadata } = object.metadata
  return JSON.stringify({ ...object, metadata })
}
