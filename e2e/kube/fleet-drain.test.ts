// A budget that allows no eviction: the node goes back to work, the status names pod and budget,
// and the upgrade goes on by itself once the budget is relaxed.
import { expect } from 'bun:test'
import { OS_INSTANCE_ANNOTATIONS } from '@kubenest/api/os/names'
import { PODS } from '@kubenest/kube/client/resources'
import {
  applyOs,
  bootCounts,
  conditionMessage,
  expectCapKept,
  type Fleet,
  NODE_NAMES,
  readInstance,
  readNodes,
  readOs,
  scenario,
  selectEach,
  until,
  untilAllRun,
  upgradeTo,
  versionsOf,
} from './fleet.ts'

const DRAIN_SECONDS = 6
const GUARDED_NODE = 'light-2'
const LABELS = { app: 'guarded' }

scenario(
  'a budget stops the drain of its node only, and is named until it is relaxed',
  async (fleet) => {
    const { other } = await versionsOf(fleet)
    const [mark, boots] = [fleet.history.mark(), bootCounts(fleet)]
    fleet.lab.kubectl(['apply', '-f', '-'], JSON.stringify(GUARDED))
    const pod = await bindPod(fleet)
    const rollout = { drain: { timeoutSeconds: DRAIN_SECONDS, onTimeout: 'Stop' } } as const
    applyOs(fleet, 'guarded', upgradeTo(fleet, other, { rollout }))

    const names = [`default/${pod}`, 'guard-budget']
    const says = (text: string | undefined) => names.every((name) => text?.includes(name) === true)
    await until(fleet, 'the other nodes go on beside it', 90_000, async () => {
      const running = (await readNodes(fleet)).filter(
        ({ status }) => status?.nodeInfo?.osImage === `KubeOS ${other}`,
      )
      return running.length === NODE_NAMES.length - 1 ? true : undefined
    })
    await until(fleet, 'the deadline is over and the node takes pods again', 60_000, async () => {
      const node = (await readNodes(fleet)).find(({ metadata }) => metadata.name === GUARDED_NODE)
      const instance = await readInstance(fleet, GUARDED_NODE)
      const record = instance.metadata.annotations?.[OS_INSTANCE_ANNOTATIONS.operation] ?? ''
      const hasStopped = record.includes('"SlotVerified"') && record.includes('"drainStops":1')
      return hasStopped && node?.spec?.unschedulable !== true ? true : undefined
    })
    const message = await until(fleet, 'the OSInstance names pod and budget', 20_000, async () => {
      const text = conditionMessage(
        await readInstance(fleet, GUARDED_NODE),
        'Degraded',
        'True',
        'DrainBlocked',
      )
      return says(text) ? text : undefined
    })
    expect(message).toStartWith('Cannot drain: ')
    const reason = await until(fleet, 'the OS object names pod and budget', 20_000, async () =>
      (await readOs(fleet, 'guarded')).status?.reasons?.find((each) => says(each.message)),
    )
    expect(reason).toMatchObject({ nodes: [GUARDED_NODE], count: 1 })
    expect(bootCounts(fleet)[GUARDED_NODE]).toBe(boots[GUARDED_NODE] ?? 0)
    expect((await readPod(fleet, pod))?.metadata.deletionTimestamp).toBeUndefined()

    const relaxed = JSON.stringify({ spec: { minAvailable: 0 } })
    fleet.lab.kubectl(['patch', 'pdb/guard-budget', '--type=merge', '-p', relaxed])
    await untilAllRun(fleet, `KubeOS ${other}`)
    expect(await readPod(fleet, pod)).toBeUndefined()
    expect(bootCounts(fleet)[GUARDED_NODE]).toBe((boots[GUARDED_NODE] ?? 0) + 1)
    await expectCapKept(fleet, mark, 2)
    fleet.lab.kubectl(['delete', 'pdb/guard-budget', 'replicaset/guarded'])
  },
)

scenario('with policy Skip the rollout goes on without the node and says so', async (fleet) => {
  const { other } = await versionsOf(fleet)
  fleet.lab.kubectl(['apply', '-f', '-'], JSON.stringify(GUARDED))
  const pod = await bindPod(fleet)
  selectEach(fleet, { [GUARDED_NODE]: 'guarded' })
  const boots = bootCounts(fleet)
  const drain = { timeoutSeconds: DRAIN_SECONDS, onTimeout: 'Skip' } as const
  applyOs(
    fleet,
    'skipped',
    upgradeTo(fleet, other, { nodeselector: 'guarded', rollout: { drain } }),
  )
  const reason = await until(fleet, 'the node is given up for this object', 60_000, async () =>
    (await readOs(fleet, 'skipped')).status?.reasons?.find((each) => each.reason === 'Skipped'),
  )
  expect(reason.message).toContain(pod)
  expect(reason.message).toContain('guard-budget')
  expect(bootCounts(fleet)).toEqual(boots)
  expect(await readPod(fleet, pod)).toBeDefined()
  fleet.lab.kubectl(['delete', 'pdb/guard-budget', 'replicaset/guarded'])
})

async function readPod({ client }: Fleet, name: string) {
  return await client.get(PODS, { name, namespace: 'default' })
}

/** There is no scheduler: the test is one, so that the pod's successor finds no node. */
async function bindPod(fleet: Fleet): Promise<string> {
  const { client, lab } = fleet
  const labelSelector = 'app=guarded'
  const name = await until(fleet, 'the pod of the replica set', 30_000, async () => {
    const { items } = await client.list(PODS, { namespace: 'default', labelSelector })
    return items.find(({ spec }) => spec?.nodeName === undefined)?.metadata.name
  })
  const target = { apiVersion: 'v1', kind: 'Node', name: GUARDED_NODE }
  const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name }, target }
  const path = `/api/v1/namespaces/default/pods/${name}/binding`
  lab.kubectl(['create', '--raw', path, '-f', '-'], JSON.stringify(binding))
  lab.kubectl(['wait', `pod/${name}`, '--for=condition=Ready', '--timeout=30s'])
  const healthy = '--for=jsonpath={.status.currentHealthy}=1'
  lab.kubectl(['wait', 'pdb/guard-budget', healthy, '--timeout=30s'])
  return name
}

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
        selector: { matchLabels: LABELS },
        template: {
          metadata: { labels: LABELS },
          spec: { containers: [{ name: 'main', image: 'none' }] },
        },
      },
    },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'guard-budget', namespace: 'default' },
      spec: { minAvailable: 1, selector: { matchLabels: LABELS } },
    },
  ],
}
