// What `kubectl os …` does to the cluster: reads OS objects, writes one annotation.
import type { KubeObject } from '@kubenest/api/core/objects'
import { OS_ANNOTATIONS, OS_INSTANCE_NAMESPACE } from '@kubenest/api/os/names'
import type { Clock } from '@kubenest/base/clock'
import { OsError } from '@kubenest/base/errors'
import type { KubeClient, ObjectRef, Resource } from '@kubenest/kube/client/kube-client'
import { OSES, OS_INSTANCES } from '@kubenest/kube/client/resources'
import { isFallbackOf, planGrant } from './plan-grant.ts'
import { renderRollouts } from './render-rollouts.ts'

/** What the commands need. */
export interface KubectlDeps {
  readonly client: KubeClient
  readonly clock: Clock
  readonly freshToken: () => string
}

/** Text of `status`: the OS objects of one namespace, or of all. */
export async function showRollouts(deps: KubectlDeps, namespace?: string): Promise<string> {
  return renderRollouts(await listAll(deps.client, OSES, namespace))
}

async function listAll<T extends KubeObject>(
  client: KubeClient,
  resource: Resource<T>,
  namespace?: string,
): Promise<T[]> {
  const found: T[] = []
  let next: string | undefined
  do {
    const page = await client.list(resource, {
      ...(namespace === undefined ? {} : { namespace }),
      ...(next === undefined ? {} : { continue: next }),
    })
    found.push(...page.items)
    next = page.continue
  } while (next !== undefined)
  return found
}

/**
 * Grants another trial of the present image; says what it did.
 *
 * @throws {OsError} kind `invalid` when there is no such object or nothing failed.
 */
export async function allowTrial(
  deps: KubectlDeps,
  ref: Required<ObjectRef>,
  nodes: readonly string[],
): Promise<string> {
  const os = await deps.client.get(OSES, ref)
  if (os === undefined)
    throw new OsError('invalid', {
      code: 'os-not-found',
      message: `Cannot allow another trial: there is no OS object ${ref.namespace}/${ref.name}; kubectl get os -A shows all`,
    })
  const at = new Date(deps.clock.nowMs()).toISOString()
  // An object that was applied anew has no record; the nodes still know.
  const instances = await listAll(deps.client, OS_INSTANCES, OS_INSTANCE_NAMESPACE)
  const fellBack = instances
    .filter((each) => isFallbackOf(os, each))
    .map((each) => each.metadata.name)
  const grant = planGrant(os, { nodes, token: deps.freshToken(), at }, fellBack)
  const annotations = { [OS_ANNOTATIONS.attempt]: JSON.stringify(grant) }
  // Conditional: the image must still be the one that was looked at.
  const { resourceVersion } = os.metadata
  const body = { metadata: { resourceVersion, annotations } }
  await deps.client.patch(OSES, ref, { type: 'merge', body })
  const whom = nodes.length > 0 ? nodes.join(', ') : 'every node'
  return `Allowed one more trial of ${grant.image.version} on ${whom}\n`
}
