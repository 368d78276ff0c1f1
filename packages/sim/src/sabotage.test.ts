// The invariants must find what is broken: each sabotage below is one mistake that operator, proxy
// or agent could make, and some seed must show it as the invariant that it breaks.
import { describe, expect, test } from 'bun:test'
import type { KubeObject, Node } from '@kubenest/api/core/objects'
import type { AgentStatus } from '@kubenest/api/agent/rpc'
import { NODE_ANNOTATIONS } from '@kubenest/api/os/names'
import type { Os } from '@kubenest/api/os/os'
import type { AgentClient } from '@kubenest/cluster/proxy/agent-client'
import type { KubeClient, Patch, Resource } from '@kubenest/kube/client/kube-client'
import { NODES, OS_INSTANCES, OSES, PODS } from '@kubenest/kube/client/resources'
import { runSimulation } from './scenarios/run-simulation.ts'
import type { Sabotage } from './scenarios/simulated-cluster.ts'

const SEEDS_MAX = 300
const LIMIT_MS = 120_000
/** Enough for every healthy run to come to rest. */
const PATIENCE_MS = 12 * 60_000

/** A client that reads objects of one kind as something else. */
function misread<T extends KubeObject>(
  client: KubeClient,
  kind: Resource<T>,
  change: (object: T) => void,
): KubeClient {
  const see = <O extends KubeObject>(resource: Resource<O>, object: O): O => {
    if (resource.plural === kind.plural) change(object as unknown as T)
    return object
  }
  return {
    ...client,
    get: async (resource, ref, options) => {
      const object = await client.get(resource, ref, options)
      return object === undefined ? undefined : see(resource, object)
    },
    list: async (resource, options) => {
      const page = await client.list(resource, options)
      return { ...page, items: page.items.map((object) => see(resource, object)) }
    },
    async *watch(resource, options) {
      for await (const event of client.watch(resource, options))
        yield { ...event, object: see(resource, event.object) }
    },
    patch: async (resource, ref, patch, options) =>
      see(resource, await client.patch(resource, ref, patch, options)),
  }
}

/** A client whose patches of one kind lose what `forget` takes out of them. */
function forgetful(
  client: KubeClient,
  kind: Resource<KubeObject>,
  forget: (body: Record<string, Record<string, unknown>>) => void,
): KubeClient {
  return {
    ...client,
    patch: (resource, ref, patch, options) => {
      const copy: Patch = structuredClone(patch)
      if (resource.plural === kind.plural)
        forget(copy.body as unknown as Record<string, Record<string, unknown>>)
      return client.patch(resource, ref, copy, options)
    },
  }
}

const withSpec = (change: (spec: NonNullable<Os['spec']>) => void) => (client: KubeClient) =>
  misread(client, OSES, ({ spec }) => {
    if (spec !== undefined) change(spec)
  })

function withoutTrial({ trial: _, ...status }: AgentStatus): AgentStatus {
  return status
}

const SABOTAGES: readonly (readonly [string, string, Sabotage])[] = [
  [
    'an operator that ignores the cap',
    'I16',
    { operator: withSpec((s) => (s.maxunavailable = 99)) },
  ],
  [
    'an operator that ignores failures',
    'I21',
    { operator: withSpec((spec) => (spec.rollout = { ...spec.rollout, maxFailures: 99 })) },
  ],
  [
    'an operator that ignores a pause',
    'I21',
    { operator: withSpec((spec) => (spec.rollout = { ...spec.rollout, paused: false })) },
  ],
  [
    'an operator that ignores the window',
    'I21',
    { operator: withSpec((s) => delete s.timewindow) },
  ],
  [
    'a proxy that takes every cordon for its own',
    'I18',
    {
      proxy: (client) =>
        misread(client, NODES, (node: Node) => {
          const mark = { [NODE_ANNOTATIONS.cordonedBy]: 'mine' }
          if (node.spec?.unschedulable === true)
            node.metadata.annotations = { ...mark, ...node.metadata.annotations }
        }),
    },
  ],
  [
    'a proxy that sees no pods, and so activates before the drain',
    'I17',
    {
      proxy: (client) => ({
        ...client,
        list: async (resource, options) => {
          const page = await client.list(resource, options)
          return resource.plural === PODS.plural ? { ...page, items: [] } : page
        },
      }),
    },
  ],
  [
    'a proxy that leaves labels behind',
    'I23',
    { proxy: (client) => forgetful(client, NODES, (body) => delete body['metadata']?.['labels']) },
  ],
  [
    'a proxy that never returns to idle',
    'I23',
    {
      proxy: (client) =>
        forgetful(client, OS_INSTANCES, (body) => delete body['spec']?.['nodestatus']),
    },
  ],
  [
    'an agent that calls a trial committed before it is',
    'I22',
    {
      agent: (client: AgentClient) => ({
        ...client,
        status: async () => {
          const status = await client.status()
          return status?.trial === undefined
            ? status
            : { ...status, trial: { ...status.trial, verdict: 'Committed' } }
        },
      }),
    },
  ],
  [
    'an agent that forgets its trials, and so tries an image again',
    'I20',
    {
      forgetsTrials: true,
      agent: (client) => ({
        ...client,
        status: async () => {
          const status = await client.status()
          return status === undefined ? status : withoutTrial(status)
        },
      }),
    },
  ],
  [
    'an operator that starts nothing',
    'I19',
    { operator: withSpec((spec) => (spec.rollout = { ...spec.rollout, paused: true })) },
  ],
]

describe('runSimulation() finds', () => {
  test.each(SABOTAGES)(
    'runSimulation() finds %s',
    async (_what, invariant, sabotage) => {
      const found = new Set<string>()
      for (let seed = 1; seed <= SEEDS_MAX && !found.has(invariant); seed += 1) {
        const { violation } = await runSimulation(seed, {
          ...sabotage,
          only: invariant,
          patienceMs: PATIENCE_MS,
        })
        if (violation !== undefined) found.add(violation.invariant)
      }
      expect([...found]).toEqual([invariant])
    },
    LIMIT_MS,
  )
})
