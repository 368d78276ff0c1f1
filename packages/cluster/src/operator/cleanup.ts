// Carries out the tidying of plan-cleanup.ts, each write conditional on what was seen.
import type { Node } from '@kubenest/api/core/objects'
import { LABELS, NODE_ANNOTATIONS, OS_INSTANCE_ANNOTATIONS } from '@kubenest/api/os/names'
import type { OperationRecord } from '@kubenest/api/os/records'
import { isOsError } from '@kubenest/base/errors'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import { NODES, OS_INSTANCES } from '@kubenest/kube/client/resources'
import type { ReconcileResult } from '@kubenest/kube/controller/controller'
import { deleteInstance, runAll } from './apply-rollout.ts'
import { instanceFacts, nodeFacts, osFacts, type InstanceFacts } from './facts.ts'
import { planCleanup, type CleanupPlan, type OrphanRelease } from './plan-cleanup.ts'
import type { ReconcileDeps } from './reconcile-os.ts'

/** The cache has caught up by then. */
const OVERTAKEN_MS = 2000
const NO_IMAGE = { digest: '', version: '' }

/** Makes the reconcile function of the tidying; its key does not matter. */
export function createCleanup(deps: Omit<ReconcileDeps, 'zone' | 'newId'>) {
  let sightings = new Map<string, number>()

  async function reconcile(): Promise<ReconcileResult> {
    const nowMs = deps.clock.nowMs()
    const plan = planCleanup(
      {
        oses: deps.caches.oses.list().map(osFacts),
        nodes: deps.caches.nodes.list().map(nodeFacts),
        instances: deps.caches.instances.list().map((instance) => ({
          instance: instanceFacts(instance),
          node: instance.metadata.labels?.[LABELS.osInstanceNode],
        })),
        firstSeenMs: (key) => sightings.get(key),
      },
      nowMs,
    )
    sightings = new Map(plan.sightings.map((key) => [key, sightings.get(key) ?? nowMs]))
    // What another writer was in the way of is planned again; no event need follow.
    if ((await applyCleanup(deps, plan, nowMs)) === 'overtaken')
      return { requeueAfterMs: OVERTAKEN_MS }
    return plan.lookAgainMs === undefined
      ? {}
      : { requeueAfterMs: Math.max(1, plan.lookAgainMs - nowMs) }
  }

  return reconcile
}

async function applyCleanup(
  deps: Pick<ReconcileDeps, 'client' | 'log'>,
  plan: CleanupPlan,
  nowMs: number,
): Promise<'done' | 'overtaken'> {
  const { client, log } = deps
  const failures = await runAll([
    ...plan.deleteInstances.map((instance) => async () => {
      // The cache of nodes may be behind that of OSInstances: a living node keeps its work.
      if ((await client.get(NODES, { name: instance.name })) !== undefined) return
      await deleteInstance(client, instance)
      log.info('OSInstance of a node that is gone deleted', { node: instance.name })
    }),
    ...plan.release.map((orphan) => async () => {
      await releaseOrphan(client, orphan, nowMs)
      log.info('Node freed after its OS object was deleted', { node: orphan.node.name })
    }),
    ...plan.serialLabels.map(({ name, uid }) => async () => {
      const body = { metadata: { uid, labels: { [LABELS.serial]: null } } }
      await client.patch(NODES, { name }, { type: 'merge', body })
    }),
  ])
  const real = failures.find((error) => !isPast(error))
  if (real !== undefined) throw real
  return failures.length === 0 ? 'done' : 'overtaken'
}

/** Somebody else was faster. */
function isPast(error: unknown): boolean {
  return isOsError(error, 'kube-conflict') || isOsError(error, 'kube-not-found')
}

/** The node's marks go first: an OSInstance that is still busy makes the next pass repeat them. */
async function releaseOrphan(
  client: KubeClient,
  orphan: OrphanRelease,
  nowMs: number,
): Promise<void> {
  const { node, instance } = orphan
  await uncordonOurs(client, orphan)
  const labels = {
    [LABELS.upgrading]: null,
    [LABELS.configuring]: null,
    [LABELS.serial]: null,
  }
  const metadata = { uid: node.uid, labels }
  await client.patch(NODES, { name: node.name }, { type: 'merge', body: { metadata } })
  const { name, namespace, resourceVersion } = instance
  const spec = { nodestatus: 'idle', namespacedname: null }
  const annotations = {
    [OS_INSTANCE_ANNOTATIONS.operation]: JSON.stringify(endedRecord(instance, nowMs)),
  }
  const body = { metadata: { resourceVersion, annotations }, spec }
  await client.patch(OS_INSTANCES, { name, namespace }, { type: 'merge', body })
}

/** A proxy that comes back must not take the stamp for that of the next assignment. */
function endedRecord({ claim = '', operation }: InstanceFacts, nowMs: number): OperationRecord {
  const at = new Date(nowMs).toISOString()
  const known: OperationRecord =
    operation?.id === claim
      ? operation
      : { id: claim, type: 'upgrade', image: NO_IMAGE, phase: 'Configuring', since: at }
  return { ...known, endedAt: at }
}

/**
 * Uncordons in one conditional patch with the removal of our mark, as the proxy does (decision 8).
 */
async function uncordonOurs(client: KubeClient, { node, uncordon }: OrphanRelease): Promise<void> {
  if (!uncordon) return
  const current: Node | undefined = await client.get(NODES, { name: node.name })
  if (current?.metadata.annotations?.[NODE_ANNOTATIONS.cordonedBy] !== node.cordonedBy) return
  const metadata = {
    resourceVersion: current?.metadata.resourceVersion,
    annotations: { [NODE_ANNOTATIONS.cordonedBy]: null },
  }
  const body = { metadata, spec: { unschedulable: null } }
  await client.patch(NODES, { name: node.name }, { type: 'merge', body })
}
