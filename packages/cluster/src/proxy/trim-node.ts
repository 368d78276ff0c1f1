// The part of a Node that the proxy reads. Its images alone are larger than everything else we
// hold.
import type { Node } from '@kubenest/api/core/objects'

export function trimNode(node: Node): Node {
  const { name, uid, resourceVersion, labels, annotations } = node.metadata
  const { nodeInfo } = node.status ?? {}
  const ready = node.status?.conditions?.find((condition) => condition.type === 'Ready')
  return {
    metadata: {
      name,
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    ...(node.spec?.unschedulable === undefined
      ? {}
      : { spec: { unschedulable: node.spec.unschedulable } }),
    status: {
      ...(nodeInfo === undefined
        ? {}
        : { nodeInfo: { osImage: nodeInfo.osImage, bootID: nodeInfo.bootID } }),
      ...(ready === undefined ? {} : { conditions: [ready] }),
    },
  }
}

/** What a change must touch to be worth a decision: kubelets write their nodes all the time. */
export function nodeFingerprint(node: Node): string {
  const { metadata, spec, status } = node
  const ready = status?.conditions?.find((condition) => condition.type === 'Ready')
  return JSON.stringify([
    metadata.uid,
    metadata.labels,
    metadata.annotations,
    spec?.unschedulable ?? false,
    status?.nodeInfo?.osImage,
    status?.nodeInfo?.bootID,
    ready?.status,
    ready?.reason,
  ])
}
