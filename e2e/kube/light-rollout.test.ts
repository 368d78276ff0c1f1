// Rollouts over a light fleet: real API server, operator, proxies, agents, and the boot loader's
// decisions.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import { NODES } from '@kubenest/kube/client/resources'
import { startTestLab, type TestLab } from './harness.ts'
import { clientOf, manifest, until, UPGRADING, untilAllRun, watchCap } from './light-fleet.ts'

const NODE_COUNT = 3
const LIMIT_MS = 240_000
const KILL_PAUSE_MS = 300

let lab: TestLab
let client: KubeClient

beforeAll(async () => {
  lab = startTestLab({ light: NODE_COUNT, operator: true })
  client = await clientOf(lab)
  await until(
    'all light nodes registered',
    60_000,
    async () => ((await client.list(NODES)).items.length === NODE_COUNT ? true : undefined),
    () => lab.kubectl(['get', 'nodes']),
  )
}, LIMIT_MS)

afterAll(() => lab.stop(), LIMIT_MS)

function apply(file: string, spec: Record<string, unknown> = {}): void {
  lab.kubectl(['apply', '-f', '-'], manifest(lab, file, spec))
}

test(
  'a parallel rollout honours the cap at every resource version',
  async () => {
    const cap = await watchCap(client)
    apply('os-v2.yaml', { maxunavailable: 2 })
    await untilAllRun(lab, client, 'KubeOS v2')
    expect(cap.stop()).toBe(2)
  },
  LIMIT_MS,
)

test(
  'a serial rollback takes one node after the other',
  async () => {
    const cap = await watchCap(client)
    apply('os-rollback.yaml', { maxunavailable: 1, executionmode: 'serial' })
    await untilAllRun(lab, client, 'KubeOS v1')
    expect(cap.stop()).toBe(1)
  },
  LIMIT_MS,
)

test(
  'a budget that allows no eviction holds the node, by name, until it is gone',
  async () => {
    lab.kubectl(['apply', '-f', '-'], JSON.stringify(GUARDED))
    await bindGuardedPod('light-1')
    lab.kubectl(['wait', 'pod', '-l', 'app=guarded', '--for=condition=Ready', '--timeout=60s'])
    apply('os-v2.yaml', { maxunavailable: 3 })
    const instance = ['get', 'osinstance/light-1', '-o', 'json']
    await until(
      'the pod and its budget named in the status of light-1',
      60_000,
      async () => {
        const status = lab.kubectl(instance)
        return status.includes('guarded') && status.includes('guard-budget') ? true : undefined
      },
      () => lab.kubectl(instance),
    )
    expect(lab.kubectl(['get', 'pods', '-l', 'app=guarded', '-o', 'name']).trim()).not.toBe('')
    lab.kubectl(['delete', 'pdb/guard-budget'])
    await untilAllRun(lab, client, 'KubeOS v2')
    lab.kubectl(['delete', 'replicaset/guarded'])
  },
  LIMIT_MS,
)

test(
  'operator and proxies that are killed 50 times do not stop two rollouts',
  async () => {
    const victims = [
      'operator',
      ...Array.from({ length: NODE_COUNT }, (_, i) => `proxy-light-${i + 1}`),
    ]
    const killSome = async (wanted: number, seed: number) => {
      for (let killed = 0, turn = seed; killed < wanted; turn += 1) {
        if (lab.kill(victims[(turn * 7 + 3) % victims.length] ?? 'operator')) killed += 1
        await Bun.sleep(KILL_PAUSE_MS)
      }
    }
    apply('os-rollback.yaml', { maxunavailable: 2, executionmode: 'parallel' })
    await killSome(25, 0)
    await untilAllRun(lab, client, 'KubeOS v1')
    apply('os-v2.yaml', { maxunavailable: 2 })
    await killSome(25, 2)
    await untilAllRun(lab, client, 'KubeOS v2')
  },
  LIMIT_MS,
)

test(
  'an API server that is away for 30 s makes no node fall back',
  async () => {
    apply('os-rollback.yaml', { maxunavailable: 2, executionmode: 'parallel' })
    await until(
      'a node at work',
      30_000,
      async () => (lab.kubectl(['get', 'nodes', '-l', UPGRADING, '-o', 'name']) ? true : undefined),
      () => lab.kubectl(['get', 'os', '-o', 'wide']),
    )
    process.kill(lab.pidOf('kube-apiserver'), 'SIGSTOP')
    await Bun.sleep(30_000)
    process.kill(lab.pidOf('kube-apiserver'), 'SIGCONT')
    await untilAllRun(lab, client, 'KubeOS v1')
    expect(lab.kubectl(['get', 'os/light', '-o', 'jsonpath={.status.failed}'])).toBe('0')
  },
  LIMIT_MS,
)

/** There is no scheduler: the test is one, so that the pod's successor finds no node. */
async function bindGuardedPod(nodeName: string): Promise<void> {
  const pod = await until(
    'the pod of the replica set',
    30_000,
    async () => lab.kubectl(['get', 'pods', '-l', 'app=guarded', '-o', 'name']).trim() || undefined,
    () => lab.kubectl(['get', 'replicasets']),
  )
  const name = pod.replace('pod/', '')
  const target = { apiVersion: 'v1', kind: 'Node', name: nodeName }
  const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name }, target }
  const path = `/api/v1/namespaces/default/pods/${name}/binding`
  lab.kubectl(['create', '--raw', path, '-f', '-'], JSON.stringify(binding))
}

const GUARDED_LABELS = { app: 'guarded' }
const GUARDED = {
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: 'guarded', namespace: 'default' },
      spec: {
        replicas: 1,
        selector: { matchLabels: GUARDED_LABELS },
        template: {
          metadata: { labels: GUARDED_LABELS },
          spec: { containers: [{ name: 'main', image: 'none' }] },
        },
      },
    },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'guard-budget', namespace: 'default' },
      spec: { minAvailable: 1, selector: { matchLabels: GUARDED_LABELS } },
    },
  ],
}
