// What the caches keep of each object: only the fields that are read. An operator keeps no node's
// image list, no managed fields, no foreign labels or annotations: 2,000 nodes must fit into a few
// megabytes.
import type { Node, ObjectMeta } from '@kubenest/api/core/objects'
import {
  LABELS,
  NODE_ANNOTATIONS,
  OS_ANNOTATIONS,
  OS_INSTANCE_ANNOTATIONS,
} from '@kubenest/api/os/names'
import type { Os, OsInstance } from '@kubenest/api/os/os'

const NODE_LABELS = [
  LABELS.upgrading,
  LABELS.configuring,
  LABELS.serial,
  LABELS.nodeSelector,
  LABELS.controlPlane,
]
const INTERNED_MAX = 1000

/** Keeps one copy of strings that many objects share, such as versions. */
export function createInterner(): (text: string) => string {
  const known = new Map<string, string>()
  return (text) => {
    const found = known.get(text)
    if (found !== undefined) return found
    if (known.size >= INTERNED_MAX) known.clear()
    known.set(text, text)
    return text
  }
}

type Intern = (text: string) => string

function asIs(text: string): string {
  return text
}

/** Trims a Node. */
export function trimNode(node: Node, intern: Intern): Node {
  const annotations = pick(node.metadata.annotations, Object.values(NODE_ANNOTATIONS), intern)
  const info = node.status?.nodeInfo
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')
  return {
    metadata: {
      ...identity(node.metadata),
      ...labelled(pick(node.metadata.labels, NODE_LABELS, intern)),
      ...(annotations === undefined ? {} : { annotations }),
    },
    ...(node.spec?.unschedulable === true ? { spec: { unschedulable: true } } : {}),
    status: {
      ...(info === undefined
        ? {}
        : { nodeInfo: { osImage: intern(info.osImage), bootID: info.bootID } }),
      // No condition reads as ready, so only the exception costs memory.
      ...(ready === undefined || ready.status === 'True'
        ? {}
        : { conditions: [{ type: 'Ready', status: intern(ready.status) }] }),
    },
  }
}

/** Trims an OSInstance: of settings only the versions are read. */
export function trimOsInstance(instance: OsInstance, intern: Intern = asIs): OsInstance {
  const { spec, status } = instance
  const annotations = pick(
    instance.metadata.annotations,
    Object.values(OS_INSTANCE_ANNOTATIONS),
    asIs,
  )
  const operation = pickText(status?.operation, ['message', 'lastError'])
  return {
    metadata: {
      ...identity(instance.metadata),
      ...labelled(pick(instance.metadata.labels, [LABELS.osInstanceNode], asIs)),
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      ...(spec?.nodestatus === undefined ? {} : { nodestatus: intern(spec.nodestatus) }),
      ...(spec?.namespacedname === undefined
        ? {}
        : { namespacedname: pickText(spec.namespacedname, ['name', 'namespace'], intern) ?? {} }),
      ...version('sysconfigs', spec?.sysconfigs?.version, intern),
      ...version('upgradeconfigs', spec?.upgradeconfigs?.version, intern),
    },
    ...(status?.sysconfigs?.version === undefined && operation === undefined
      ? {}
      : {
          status: {
            ...version('sysconfigs', status?.sysconfigs?.version, intern),
            ...(operation === undefined ? {} : { operation }),
          },
        }),
  }
}

/** Trims an OS object; its spec is needed whole. Of the status, transition times are read. */
export function trimOs(os: Os): Os {
  const { metadata, spec, status } = os
  const annotations = pick(metadata.annotations, Object.values(OS_ANNOTATIONS), asIs)
  const { generation, creationTimestamp, deletionTimestamp } = metadata
  return {
    metadata: {
      ...identity(metadata),
      ...(generation === undefined ? {} : { generation }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    ...(spec === undefined ? {} : { spec }),
    ...(status?.conditions === undefined ? {} : { status: { conditions: status.conditions } }),
  }
}

function identity(metadata: ObjectMeta): ObjectMeta {
  const { name, namespace, uid, resourceVersion } = metadata
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  }
}

function labelled(labels: Record<string, string> | undefined) {
  return labels === undefined ? {} : { labels }
}

function pick(
  from: Record<string, string> | undefined,
  keys: readonly string[],
  intern: Intern,
): Record<string, string> | undefined {
  if (from === undefined) return undefined
  const kept: Record<string, string> = {}
  for (const key of keys) {
    const value = from[key]
    if (value !== undefined) kept[key] = intern(value)
  }
  return Object.keys(kept).length === 0 ? undefined : kept
}

function pickText<K extends string>(
  from: { [key in K]?: string | undefined } | undefined,
  keys: readonly K[],
  intern: Intern = asIs,
): { [key in K]?: string } | undefined {
  if (from === undefined) return undefined
  const kept: { [key in K]?: string } = {}
  for (const key of keys) {
    const value = from[key]
    if (value !== undefined) kept[key] = intern(value)
  }
  return kept
}

function version<K extends string>(key: K, text: string | undefined, intern: Intern) {
  return (text === undefined ? {} : { [key]: { version: intern(text) } }) as {
    [key in K]?: { version: string }
  }
}
