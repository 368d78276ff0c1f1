// One virtual node through everything that may happen to it: OVMF, GRUB, systemd, kubelet, the
// proxy in a pod, the operator outside. Few boots, much checked; the steps build on each other.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { startVmLab, until, type VmLab } from './vm-lab.ts'
import { type NodeWatch, watchNode } from './watch-node.ts'

const MINUTE_MS = 60_000
// Five times what an idle machine of 2 cores takes: emulated guests starve first on a busy one.
const LIMIT_MS = 25 * MINUTE_MS
const UP_LIMIT_MS = 45 * MINUTE_MS

let lab: VmLab
let node: NodeWatch

beforeAll(() => {
  lab = startVmLab()
  node = watchNode(lab)
}, UP_LIMIT_MS)

afterAll(() => lab?.stop(), MINUTE_MS)

test(
  'a virtual node joins the cluster and runs the proxy as a pod',
  async () => {
    await lab.step('first boot until Ready with its proxy', async () => {
      await node.untilRuns('KubeOS v1')
      await node.untilPodRuns('upgrade-system', 'control-plane=upgrade-proxy')
      await until('its OSInstance', MINUTE_MS, node.instance)
    })
    lab.kubectl(['apply', '-f', '-'], JSON.stringify(WORKLOAD))
    await node.untilPodRuns('default', 'app=workload')
    expect(node.lastBoot()).toEqual({
      slot: 'A',
      version: 'KubeOS v1',
      trial: false,
      outcome: 'boots',
    })
  },
  LIMIT_MS,
)

test(
  'an upgrade whose slot write loses power boots the old slot, goes on by itself, and ends in v2',
  async () => {
    const before = podOf('app=workload')
    await lab.step('upgrade until the middle of the slot write', async () => {
      lab.apply('os-v2.yaml')
      await until('the middle of the slot write', 8 * MINUTE_MS, () => {
        const { bytesDone = 0, bytesTotal = 0 } = node.instance()?.status?.operation ?? {}
        return bytesTotal > 0 && bytesDone > bytesTotal * 0.2 ? true : undefined
      })
      const { bytesDone = 0, bytesTotal = 0 } = node.instance()?.status?.operation ?? {}
      expect(bytesDone).toBeLessThan(bytesTotal)
      lab.cutPower()
    })
    await lab.step('power cut until the old slot boots', async () => {
      await until('another boot', 5 * MINUTE_MS, () => lab.boots()[1])
      expect(lab.boots()[1]).toMatchObject({ slot: 'A', version: 'KubeOS v1', trial: false })
    })
    await lab.step('old slot until v2 is committed and Ready', async () => {
      await node.untilIdleAt('KubeOS v2')
      expect(node.lastBoot()).toMatchObject({ slot: 'B', version: 'KubeOS v2', trial: true })
      expect(lab.boots()).toHaveLength(3)
    })
    await node.untilPodRuns('upgrade-system', 'control-plane=upgrade-proxy')
    await node.untilPodRuns('default', 'app=workload')
    expect(podOf('app=workload')).not.toBe(before)
    expect(node.verdict()).toMatchObject({ operation: 'upgrade', outcome: 'Succeeded' })
  },
  LIMIT_MS,
)

test(
  'a rollback boots the old slot on trial and keeps it',
  async () => {
    await lab.step('rollback until v1 is committed and Ready', async () => {
      lab.apply('os-rollback.yaml')
      await node.untilIdleAt('KubeOS v1')
    })
    expect(node.lastBoot()).toMatchObject({ slot: 'A', version: 'KubeOS v1', trial: true })
    expect(node.verdict()).toMatchObject({ operation: 'rollback', outcome: 'Succeeded' })
  },
  LIMIT_MS,
)

test(
  'a kernel that panics is tried once; the node comes back by itself and the rollout halts',
  async () => {
    await lab.step('v3 panics until v1 is back and the rollout halted', async () => {
      lab.apply('os-v3.yaml')
      await node.untilHalted('KubeOS v3')
      await node.untilIdleAt('KubeOS v1')
    })
    expect(node.verdict().outcome).toBe('FellBack')
    expect(node.triesOf('KubeOS v3')).toEqual([
      { slot: 'B', version: 'KubeOS v3', trial: true, outcome: 'panics' },
    ])
    expect(node.lastBoot()).toMatchObject({ slot: 'A', version: 'KubeOS v1', trial: false })
  },
  LIMIT_MS,
)

test(
  'a system whose kubelet fails is refused by its own health gate, and the rollout halts',
  async () => {
    await lab.step('v4 fails its gate until v1 is back and the rollout halted', async () => {
      lab.apply('os-v4.yaml')
      await node.untilHalted('KubeOS v4')
      await node.untilIdleAt('KubeOS v1')
    })
    expect(node.triesOf('KubeOS v4')).toEqual([
      { slot: 'B', version: 'KubeOS v4', trial: true, outcome: 'boots' },
    ])
    expect(node.verdict().outcome).toBe('FellBack')
    expect(node.verdict().message).toContain('kubelet.service')
    expect(node.lastBoot()).toMatchObject({ slot: 'A', version: 'KubeOS v1', trial: false })
  },
  LIMIT_MS,
)

function podOf(label: string): string {
  return lab.kubectl(['get', 'pods', '-l', label, '-o', 'jsonpath={.items[0].metadata.uid}'])
}

const WORKLOAD_LABELS = { app: 'workload' }
/** Its image is in every guest: there is no registry. */
const WORKLOAD = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'workload', namespace: 'default' },
  spec: {
    replicas: 1,
    selector: { matchLabels: WORKLOAD_LABELS },
    template: {
      metadata: { labels: WORKLOAD_LABELS },
      spec: {
        nodeSelector: { 'upgrade.openeuler.org/node-selector': 'vm' },
        terminationGracePeriodSeconds: 2,
        containers: [{ name: 'main', image: 'kubenest-pause:lab', imagePullPolicy: 'Never' }],
      },
    },
  },
}
