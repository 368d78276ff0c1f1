// The proxy of one node: watches of its own objects wake one key; everything else is decided in
// next-step.ts and done in apply-step.ts.
import type { Node } from '@kubenest/api/core/objects'
import { OS_API_VERSION, OS_INSTANCE_NAMESPACE } from '@kubenest/api/os/names'
import type { OsInstance } from '@kubenest/api/os/os'
import type { Clock } from '@kubenest/base/clock'
import type { Logger } from '@kubenest/base/log'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import { NODES, OS_INSTANCES } from '@kubenest/kube/client/resources'
import { createEventRecorder } from '@kubenest/kube/controller/events'
import { createController } from '@kubenest/kube/controller/controller'
import type { AgentClient } from './agent-client.ts'
import { createAgentView } from './agent-view.ts'
import { createDrainer } from './drainer.ts'
import { createLongCalls } from './long-calls.ts'
import { createMemory } from './memory.ts'
import { createOsWatch } from './os-watch.ts'
import { reconcileNode, type ReconcileContext } from './reconcile-node.ts'
import { createStatusWriter } from './status-writer.ts'
import { nodeFingerprint, trimNode } from './trim-node.ts'
import { createView } from './view.ts'
import { watchOne } from './watch-one.ts'

export interface ProxyOptions {
  readonly nodeName: string
  /** Name of our own pod, which a drain leaves alone (X6). */
  readonly ownPodName?: string
  readonly client: KubeClient
  readonly agent: AgentClient
  readonly clock: Clock
  readonly log: Logger
  /** Ids of operations without a claim. */
  readonly freshId: () => string
}

/**
 * Runs until the signal.
 *
 * @throws {OsError} kind `bug`: the program is to end and be started again.
 */
export async function runProxy(options: ProxyOptions, signal: AbortSignal): Promise<void> {
  const { nodeName, clock, log } = options
  const ended = new AbortController()
  const all = AbortSignal.any([signal, ended.signal])
  const controller = createController({
    name: 'proxy',
    clock,
    log,
    reconcile: (_key, stop) => reconcileNode(context, stop),
  })
  const wake = () => controller.queue.add(nodeName)
  const context = createContext(options, wake, all)
  const watches = watchOwnObjects(options, context, wake, all)
  wake()
  try {
    await controller.run(all)
  } finally {
    ended.abort()
    context.memory.task?.abort.abort()
    await watches
  }
}

function createContext(
  options: ProxyOptions,
  wake: () => void,
  signal: AbortSignal,
): ReconcileContext {
  const { client, agent, clock, log, nodeName, ownPodName, freshId } = options
  const memory = createMemory()
  const events = createEventRecorder({
    client,
    clock,
    log,
    component: 'kubenest-proxy',
    newId: freshId,
  })
  const view = createView()
  const osWatch = createOsWatch({ client, clock, log, signal, wake })
  return {
    nodeName,
    client,
    agent,
    agentView: createAgentView(agent, clock),
    drainer: createDrainer({ client, clock, log, ownPodName }),
    clock,
    log,
    view,
    memory,
    calls: createLongCalls({ memory, clock, log, wake }),
    status: createStatusWriter({ client, clock, log }),
    tell: (text) => {
      const { metadata } = view.instance.get() ?? {}
      if (text === undefined || metadata === undefined) return
      events.record({ apiVersion: OS_API_VERSION, kind: 'OSInstance', metadata }, text)
    },
    osOf: (owner) => osWatch.follow(owner),
    onOs: (os) => osWatch.set(os),
    freshId,
  }
}

async function watchOwnObjects(
  options: ProxyOptions,
  context: ReconcileContext,
  wake: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { client, clock, log, nodeName } = options
  const { view } = context
  const common = { client, clock, log, onSynced: wake }
  await Promise.all([
    watchOne<OsInstance>(
      {
        ...common,
        resource: OS_INSTANCES,
        ref: { name: nodeName, namespace: OS_INSTANCE_NAMESPACE },
        onObject: (instance) => view.instance.offer(instance) && wake(),
        onGone: (instance) => (view.instance.remove(instance), wake()),
      },
      signal,
    ),
    watchOne<Node>(
      {
        ...common,
        resource: NODES,
        ref: { name: nodeName },
        trim: trimNode,
        onObject: (node) => onNode(context, node, wake),
        onGone: (node) => (view.node.remove(node), wake()),
      },
      signal,
    ),
  ])
}

function onNode({ view }: ReconcileContext, node: Node, wake: () => void): void {
  const before = view.node.get()
  const isNews = before === undefined || nodeFingerprint(before) !== nodeFingerprint(node)
  if (view.node.offer(node) && isNews) wake()
}
