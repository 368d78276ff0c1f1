// Stands in for the proxies, agents and kubelets of a whole fleet: a node is done half a second
// after it was assigned, in the documented order (contract 3.3): osImage, OSInstance idle, label.
import { LABELS, OS_INSTANCE_NAMESPACE } from '@kubenest/api/os/names'
import type { OsInstance } from '@kubenest/api/os/os'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import { NODES, OS_INSTANCES } from '@kubenest/kube/client/resources'

/** Time a node takes, milliseconds. */
export const NODE_WORK_MS = 500
/** Writes of a stand-in for one node. */
export const PROXY_WRITES = 3

/** The stand-ins of one fleet. */
export interface InstantProxies {
  /** Resolves when `count` nodes have been finished, with the time of the last write. */
  finished(count: number): Promise<number>
  /** Most nodes that were at work at one time. */
  mostAtWork(): number
  /** Finishes the nodes under way and begins no more. */
  stop(): Promise<void>
}

/** Begins to watch; nodes assigned from now on are served. */
export async function startInstantProxies(
  client: KubeClient,
  version: string,
): Promise<InstantProxies> {
  const stop = new AbortController()
  const atWork = new Map<string, Promise<void>>()
  const waiting: { count: number; resolve: (atMs: number) => void }[] = []
  let most = 0
  let finished = 0

  function begin(name: string): void {
    atWork.set(name, work(name))
    most = Math.max(most, atWork.size)
  }

  async function work(name: string): Promise<void> {
    await Bun.sleep(NODE_WORK_MS)
    await finishNode(client, name, version)
    atWork.delete(name)
    finished += 1
    for (const each of waiting) if (finished >= each.count) each.resolve(performance.now())
  }

  const { resourceVersion } = await client.list(OS_INSTANCES, { limit: 1 })
  void (async () => {
    const options = { resourceVersion, signal: stop.signal }
    for await (const { object } of client.watch(OS_INSTANCES, options))
      if (isAssigned(object) && !atWork.has(object.metadata.name)) begin(object.metadata.name)
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error
  })
  return {
    finished: (count) => new Promise((resolve) => waiting.push({ count, resolve })),
    mostAtWork: () => most,
    async stop() {
      stop.abort()
      await Promise.all(atWork.values())
    },
  }
}

function isAssigned({ spec }: OsInstance): boolean {
  return spec?.nodestatus === 'upgrade'
}

async function finishNode(client: KubeClient, name: string, version: string): Promise<void> {
  const nodeInfo = { osImage: version, bootID: crypto.randomUUID() }
  const status = { type: 'merge' as const, body: { status: { nodeInfo } } }
  await client.patch(NODES, { name }, status, { subresource: 'status' })
  const idle = { spec: { nodestatus: 'idle', namespacedname: null } }
  const ref = { name, namespace: OS_INSTANCE_NAMESPACE }
  await client.patch(OS_INSTANCES, ref, { type: 'merge', body: idle })
  const unlabelled = { metadata: { labels: { [LABELS.upgrading]: null } } }
  await client.patch(NODES, { name }, { type: 'merge', body: unlabelled })
}
