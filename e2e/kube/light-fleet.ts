// Helpers of tests that move a light fleet: objects, waiting for a state of the world, the cap as
// seen at every resource version.
import { systemClock } from '@kubenest/base/clock'
import { createFetchClient } from '@kubenest/kube/client/fetch-client'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import { loadKubeConfig } from '@kubenest/kube/client/load-config'
import { NODES } from '@kubenest/kube/client/resources'
import { readFileSync } from 'node:fs'
import { parse, stringify } from 'yaml'
import type { TestLab } from './harness.ts'

/** Label of a node that is worked on. */
export const UPGRADING = 'upgrade.openeuler.org/upgrading'
const LOOK_MS = 200

/** A client with the lab's own admin kubeconfig. */
export async function clientOf(lab: TestLab): Promise<KubeClient> {
  return createFetchClient(await loadKubeConfig({ env: {}, kubeconfigPath: lab.kubeconfigPath }))
}

/** Text of one of the lab's manifests with other spec fields. */
export function manifest(lab: TestLab, file: string, spec: Record<string, unknown> = {}): string {
  const os = parse(readFileSync(`${lab.stateFolder}/manifests/${file}`, 'utf8')) as {
    spec: Record<string, unknown>
  }
  return stringify({ ...os, spec: { ...os.spec, ...spec } })
}

/** Waits until `look` gives something; fails with the last state after the limit. */
export async function until<T>(
  what: string,
  limitMs: number,
  look: () => Promise<T | undefined>,
  describe: () => string,
): Promise<T> {
  const deadline = systemClock.monotonicMs() + limitMs
  for (;;) {
    const seen = await look()
    if (seen !== undefined) return seen
    if (systemClock.monotonicMs() > deadline) throw new Error(`never seen: ${what}\n${describe()}`)
    await systemClock.sleep(LOOK_MS)
  }
}

/** Waits until every node runs a version and nothing is left over. */
export async function untilAllRun(
  lab: TestLab,
  client: KubeClient,
  version: string,
  limitMs = 120_000,
): Promise<void> {
  await until(
    `every node at ${version}`,
    limitMs,
    async () => {
      const { items } = await client.list(NODES)
      const done = items.every(
        (node) =>
          node.status?.nodeInfo?.osImage === version &&
          node.spec?.unschedulable !== true &&
          !(UPGRADING in (node.metadata.labels ?? {})),
      )
      return done && items.length > 0 ? true : undefined
    },
    () => lab.kubectl(['get', 'nodes,os,osinstances', '-A', '-o', 'wide']),
  )
}

/** Watches nodes from now on; tells the most that were labelled at any resource version. */
export async function watchCap(
  client: KubeClient,
): Promise<{ stop: () => number; seen: () => number }> {
  const abort = new AbortController()
  const page = await client.list(NODES)
  const labelled = new Map<string, boolean>()
  let most = 0
  const watching = (async () => {
    const { resourceVersion } = page
    for await (const event of client.watch(NODES, { resourceVersion, signal: abort.signal })) {
      if (event.type === 'BOOKMARK') continue
      labelled.set(event.object.metadata.name, UPGRADING in (event.object.metadata.labels ?? {}))
      most = Math.max(most, [...labelled.values()].filter(Boolean).length)
    }
  })().catch((error: unknown) => {
    if (!abort.signal.aborted) throw error
  })
  return {
    seen: () => most,
    stop: () => {
      abort.abort()
      void watching
      return most
    },
  }
}
