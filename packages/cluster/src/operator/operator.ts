// The operator: three informers, one controller for OS objects, one for tidying. Correct with any
// number of copies running; a lease only saves work.
import { NODES, OSES, OS_INSTANCES } from '@kubenest/kube/client/resources'
import { createController, type Controller } from '@kubenest/kube/controller/controller'
import { createInformer, type CacheChange } from '@kubenest/kube/informer/informer'
import type { Node } from '@kubenest/api/core/objects'
import type { Os } from '@kubenest/api/os/os'
import { createCleanup } from './cleanup.ts'
import { osesOfInstanceChange, osesOfNodeChange, osesOfOsChange, ownerOf } from './map-events.ts'
import { OWNER_INDEX } from './gather-facts.ts'
import { createOsReconciler, type ReconcileDeps } from './reconcile-os.ts'
import { createInterner, trimNode, trimOs, trimOsInstance } from './trim.ts'

/** Events that come in a burst share one reconcile, and so one claim write. */
const MERGE_MS = 50
/**
 * A new node or OSInstance is noticed within this time even after a series of errors (contract
 * X13).
 */
const BACK_OFF_MAX_MS = 15_000
/** A Node with its list of images is 12 KB or more; a page is held whole until it is trimmed. */
const NODE_PAGE_SIZE = 10
/** An OSInstance may be seen before its new node is. */
const NODE_LAG_MS = 5000
const CLEANUP_KEY = 'cleanup'

/** What the operator needs. */
export interface OperatorOptions extends Omit<ReconcileDeps, 'caches'> {
  /** OS objects worked on at once. @defaultValue 1 */
  workers?: number
}

/** Runs until the signal; rejects only for a bug. */
export async function runOperator(options: OperatorOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, log } = options
  const informers = makeInformers(options)
  const caches = {
    oses: informers.oses.cache,
    nodes: informers.nodes.cache,
    instances: informers.instances.cache,
  }
  const reconcilers = { ...options, caches }
  const queue = { backOffMaxMs: BACK_OFF_MAX_MS }
  const rollouts = createController({
    name: 'rollout',
    clock,
    log,
    reconcile: createOsReconciler(reconcilers),
    workers: options.workers ?? 1,
    queue,
  })
  const cleanup = createController({
    name: 'cleanup',
    clock,
    log,
    reconcile: createCleanup({ client, clock, log, caches }),
    queue,
  })
  connect(informers, caches, rollouts, cleanup)
  const stop = new AbortController()
  const until = AbortSignal.any([signal, stop.signal])
  const feeds = [informers.oses, informers.nodes, informers.instances].map((each) =>
    each.run(until),
  )
  try {
    await Promise.all([informers.oses.synced, informers.nodes.synced, informers.instances.synced])
    log.info('Caches are filled', { nodes: caches.nodes.list().length })
    for (const os of caches.oses.list()) rollouts.queue.add(keyOf(os))
    cleanup.queue.add(CLEANUP_KEY)
    await Promise.all([rollouts.run(until), cleanup.run(until)])
  } catch (error) {
    // Stopped before the first list was complete.
    if (!signal.aborted) throw error
  } finally {
    stop.abort()
    await Promise.all(feeds)
  }
}

function makeInformers({ client, clock, log }: Omit<ReconcileDeps, 'caches'>) {
  const intern = createInterner()
  const shared = { client, clock, log }
  return {
    oses: createInformer({ ...shared, resource: OSES, trim: trimOs }),
    nodes: createInformer({
      ...shared,
      resource: NODES,
      pageSize: NODE_PAGE_SIZE,
      trim: (node) => trimNode(node, intern),
    }),
    instances: createInformer({
      ...shared,
      resource: OS_INSTANCES,
      trim: (instance) => trimOsInstance(instance, intern),
      indexes: {
        [OWNER_INDEX]: (instance) => {
          const owner = ownerOf(instance)
          return owner === undefined ? [] : [owner]
        },
      },
    }),
  }
}

function connect(
  informers: ReturnType<typeof makeInformers>,
  caches: Parameters<typeof osesOfNodeChange>[0],
  rollouts: Controller,
  cleanup: Controller,
): void {
  const merge = (keys: readonly string[]) => {
    for (const key of keys) rollouts.queue.addAfter(key, MERGE_MS)
  }
  informers.oses.onChange((change) => {
    // A person's change is acted on at once.
    for (const key of osesOfOsChange(caches, change)) rollouts.queue.add(key)
    if (mayLeaveNodes(change)) cleanup.queue.addAfter(CLEANUP_KEY, MERGE_MS)
  })
  informers.nodes.onChange((change) => {
    merge(osesOfNodeChange(caches, change))
    if (isGone(change)) cleanup.queue.addAfter(CLEANUP_KEY, MERGE_MS)
  })
  informers.instances.onChange((change) => {
    merge(osesOfInstanceChange(caches, change))
    const name = change.current?.metadata.name
    // A proxy may make its OSInstance again while its node goes.
    if (name !== undefined && caches.nodes.get(name) === undefined)
      cleanup.queue.addAfter(CLEANUP_KEY, NODE_LAG_MS)
  })
}

/** Deleted, or means other nodes or another mode than before: serial labels may be nobody's now. */
function mayLeaveNodes({ old, current }: CacheChange<Os>): boolean {
  return (
    current === undefined ||
    (old !== undefined &&
      (old.spec?.nodeselector !== current.spec?.nodeselector ||
        old.spec?.executionmode !== current.spec?.executionmode))
  )
}

function isGone(change: CacheChange<Node>): boolean {
  return change.current === undefined
}

function keyOf(os: { metadata: { name: string; namespace?: string } }): string {
  return `${os.metadata.namespace ?? ''}/${os.metadata.name}`
}
