// Writes to our Node: the cordon with our mark (decision 8), and one label less. Never the whole
// object: kubelet and others write the rest.
import type { Node } from '@kubenest/api/core/objects'
import type { KubeClient, Patch } from '@kubenest/kube/client/kube-client'
import { NODES } from '@kubenest/kube/client/resources'
import { uncordonNode } from '@kubenest/kube/drain/cordon-node'
import { isCordonedByUs } from './subject.ts'
import { trimNode } from './trim-node.ts'

/** Trimmed, as the watch keeps it. */
export async function readNode(client: KubeClient, nodeName: string): Promise<Node | undefined> {
  const node = await client.get(NODES, { name: nodeName })
  return node === undefined ? undefined : trimNode(node)
}

/** Ours goes with its mark; one that was taken over from upstream's proxy has none. */
export async function liftCordon(client: KubeClient, node: Node): Promise<void> {
  if (isCordonedByUs(node)) {
    await uncordonNode(client, { node: node.metadata.name })
    return
  }
  const { resourceVersion } = node.metadata
  const body = { metadata: { resourceVersion }, spec: { unschedulable: null } }
  await patch(client, node, { type: 'merge', body })
}

export async function removeLabel(client: KubeClient, node: Node, label: string): Promise<void> {
  await patch(client, node, { type: 'merge', body: { metadata: { labels: { [label]: null } } } })
}

async function patch(client: KubeClient, node: Node, change: Patch): Promise<void> {
  await client.patch(NODES, { name: node.metadata.name }, change)
}
