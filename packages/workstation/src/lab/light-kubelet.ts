// The kubelet's side of a light node: its Node object, heartbeats, and pods bound to it. A pod
// "runs" as soon as it is bound, and ends as soon as it is told to.
import type { Node, Pod } from '@kubenest/api/core/objects'
import { LABELS } from '@kubenest/api/os/names'
import type { Clock } from '@kubenest/base/clock'
import { isOsError, toOsError } from '@kubenest/base/errors'
import type { Logger } from '@kubenest/base/log'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import { NODES, PODS } from '@kubenest/kube/client/resources'
import { readyNodeStatus, runningPodStatus } from './light-node-status.ts'

/** A light node's identity during one boot. */
export interface LightKubeletOptions {
  readonly client: KubeClient
  readonly clock: Clock
  readonly log: Logger
  readonly node: string
  readonly bootId: string
  readonly osImage: string
}

const HEARTBEAT_MS = 10_000
const RETRY_MS = 500

/** Registers the node, then keeps it Ready and its pods in order until the signal. Never throws. */
export async function runLightKubelet(
  options: LightKubeletOptions,
  signal: AbortSignal,
): Promise<void> {
  await repeat(options, signal, 'register the node', async () => {
    await registerNode(options)
    return 'done'
  })
  await Promise.all([
    repeat(options, signal, 'report the node', async () => {
      await reportNode(options)
      await options.clock.sleep(HEARTBEAT_MS, signal)
    }),
    repeat(options, signal, 'watch pods', async () => await followPods(options, signal)),
  ])
}

/** Runs a task again and again until it says `done`; its errors are logged and waited out. */
async function repeat(
  options: LightKubeletOptions,
  signal: AbortSignal,
  what: string,
  task: () => Promise<'done' | void>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      if ((await task()) === 'done') return
    } catch (error) {
      if (signal.aborted) return
      options.log.warn('kubelet cannot go on', { what, error: toOsError(error).message })
      await options.clock.sleep(RETRY_MS, signal).catch(() => {
        // Aborted: the loop ends.
      })
    }
  }
}

async function registerNode(options: LightKubeletOptions): Promise<void> {
  const labels = {
    'kubernetes.io/hostname': options.node,
    'kubernetes.io/os': 'linux',
    [LABELS.nodeSelector]: 'light',
  }
  const node: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name: options.node, labels } }
  try {
    await options.client.create(NODES, node)
  } catch (error) {
    if (!isOsError(error, 'kube-conflict')) throw error
  }
  await reportNode(options)
}

async function reportNode(options: LightKubeletOptions): Promise<void> {
  const status = readyNodeStatus(options, new Date(options.clock.nowMs()).toISOString())
  const patch = { type: 'strategic', body: { status } } as const
  await options.client.patch(NODES, { name: options.node }, patch, { subresource: 'status' })
}

async function followPods(options: LightKubeletOptions, signal: AbortSignal): Promise<void> {
  const fieldSelector = `spec.nodeName=${options.node}`
  const page = await options.client.list(PODS, { fieldSelector, limit: 500, signal })
  for (const pod of page.items) await tendPod(options, pod)
  const { resourceVersion } = page
  for await (const event of options.client.watch(PODS, { fieldSelector, resourceVersion, signal }))
    if (event.type === 'ADDED' || event.type === 'MODIFIED') await tendPod(options, event.object)
}

/** A pod that is to go has nothing to stop here, so it is removed at once. */
async function tendPod(options: LightKubeletOptions, pod: Pod): Promise<void> {
  const ref = { name: pod.metadata.name, namespace: pod.metadata.namespace ?? 'default' }
  const phase = pod.status?.phase
  try {
    if (pod.metadata.deletionTimestamp !== undefined) {
      const { uid } = pod.metadata
      await options.client.delete(PODS, ref, {
        gracePeriodSeconds: 0,
        ...(uid === undefined ? {} : { uid }),
      })
    } else if (phase === undefined || phase === 'Pending') {
      const status = runningPodStatus(pod, new Date(options.clock.nowMs()).toISOString())
      const body = { type: 'merge', body: { status } } as const
      await options.client.patch(PODS, ref, body, { subresource: 'status' })
    }
  } catch (error) {
    if (isOsError(error, 'kube-not-found') || isOsError(error, 'kube-conflict')) return
    throw error
  }
}
