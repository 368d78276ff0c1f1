// Takes the facts for one OS object from the caches: only OSInstances that can matter are
// converted.
import type { Node } from '@kubenest/api/core/objects'
import { OS_INSTANCE_NAMESPACE } from '@kubenest/api/os/names'
import type { Os, OsInstance } from '@kubenest/api/os/os'
import type { TimeZone } from '@kubenest/base/time-zone'
import type { Cache } from '@kubenest/kube/informer/informer'
import { objectKey } from '@kubenest/kube/object-key'
import {
  instanceFacts,
  nodeFacts,
  osFacts,
  type InstanceFacts,
  type RolloutFacts,
} from './facts.ts'
import { isSelected } from './select-nodes.ts'

/** Name of the OSInstance index by owning OS object, `namespace/name`. */
export const OWNER_INDEX = 'owner'

/** Caches that the operator reads. */
export interface OperatorCaches {
  oses: Cache<Os>
  nodes: Cache<Node>
  instances: Cache<OsInstance>
}

/** What the process knows beside the caches. */
export interface ProcessFacts extends Pick<RolloutFacts, 'mayClaim' | 'firstSeenMs'> {
  /** Puts our own writes before what the cache still shows. */
  resolveInstance: (key: string, cached: OsInstance | undefined) => OsInstance | undefined
}

/** Gathers. */
export function gatherFacts(
  deps: { caches: OperatorCaches; zone: TimeZone },
  os: Os,
  known: ProcessFacts,
): RolloutFacts {
  const { caches, zone } = deps
  const facts = osFacts(os)
  const nodes = caches.nodes.list().map(nodeFacts)
  const names = new Set(facts.claims.map(({ node }) => node))
  for (const node of nodes) if (isSelected(facts.nodeSelector, node)) names.add(node.name)
  for (const each of caches.instances.byIndex(OWNER_INDEX, facts.key)) names.add(each.metadata.name)
  const instances = new Map<string, InstanceFacts>()
  for (const name of names) {
    const instance = findInstance(caches, known, facts.namespace, name)
    if (instance !== undefined) instances.set(name, instanceFacts(instance))
  }
  const others = caches.oses.list().filter((each) => objectKey(each) !== facts.key)
  return {
    os: facts,
    others: others.map(osFacts).filter(({ deleting }) => !deleting),
    nodes,
    instances,
    offsetSecondsAt: (epochSeconds) => zone.offsetSecondsAt(epochSeconds),
    mayClaim: known.mayClaim,
    firstSeenMs: known.firstSeenMs,
  }
}

/** In `default` first, then in the namespace of the OS object (contract X8). */
function findInstance(
  caches: OperatorCaches,
  known: ProcessFacts,
  namespace: string,
  name: string,
): OsInstance | undefined {
  for (const each of new Set([OS_INSTANCE_NAMESPACE, namespace])) {
    const key = `${each}/${name}`
    const found = known.resolveInstance(key, caches.instances.get(key))
    if (found !== undefined) return found
  }
  return undefined
}
