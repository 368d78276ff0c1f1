// All pods of a node. A list that fails is an error: it must never look like a node without pods
// (A15).
import type { Pod } from '@kubenest/api/core/objects'
import type { KubeClient } from '../client/kube-client.ts'
import { PODS } from '../client/resources.ts'

/** Pods bound to the node, in every namespace. */
export async function listNodePods(
  client: KubeClient,
  node: string,
  signal?: AbortSignal,
): Promise<Pod[]> {
  const pods: Pod[] = []
  let token: string | undefined
  do {
    const page = await client.list(PODS, {
      fieldSelector: `spec.nodeName=${node}`,
      ...(token === undefined ? {} : { continue: token }),
      ...(signal === undefined ? {} : { signal }),
    })
    pods.push(...page.items)
    token = page.continue
  } while (token !== undefined)
  return pods
}
