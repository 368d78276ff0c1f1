// One virtual node through everything that may happen to it: OVMF, GRUB, systemd, kubelet, the
// proxy in a pod, the operator outside. Few boots, much checked; the steps build on each other.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { NODE, type SeenBoot, type SeenInstance, startVmLab, until, type VmLab } from './vm-lab.ts'

const MINUTE_MS = 60_000
// Five times what an idle machine of 2 cores takes: emulated guests starve first on a busy one.
const LIMIT_MS = 25 * MINUTE_MS
const UP_LIMIT_MS = 45 * MINUTE_MS

let lab: VmLab

beforeAll(() => {
  lab = startVmLab()
}, UP_LIMIT_MS)

afterAll(() => lab?.stop(), MINUTE_MS)

test(
  'a virtual node joins the cluster and runs the proxy as a pod',
  async () => {
    await lab.step('first boot until Ready with its proxy', async () => {
      await untilNodeRuns('KubeOS v1')
      await untilPodRuns('upgrade-system', 'control-plane=upgrade-proxy')
      await until('its OSInstance', MINUTE_MS, instance)
    })
    lab.kubectl(['apply', '-f', '-'], JSON.stringify(WORKLOAD))
    await untilPodRuns('default', 'app=workload')
    expect(lastBoot()).toEqual({ slot: 'A', version: 'KubeOS v1', trial: false, outcome: 'boots' })
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
        const { bytesDone = 0, bytesTotal = 0 } = instance()?.status?.operation ?? {}
        return bytesTotal > 0 && bytesDone > bytesTotal * 0.2 ? true : undefined
      })
      const { bytesDone = 0, bytesTotal = 0 } = instance()?.status?.operation ?? {}
      expect(bytesDone).toBeLessThan(bytesTotal)
      lab.cutPower()
    })
    await lab.step('power cut until the old slot boots', async () => {
      await until('another boot', 5 * MINUTE_MS, () => lab.boots()[1])
      expect(lab.boots()[1]).toMatchObject({ slot: 'A', version: 'KubeOS v1', trial: false })
    })
    await lab.step('old slot until v2 is committed and Ready', async () => {
      await untilIdleAt('KubeOS v2')
      expect(lastBoot()).toMatchObject({ slot: 'B', version: 'KubeOS v2', trial: true })
      expect(lab.boots()).toHaveLength(3)
    })
    await untilPodRuns('upgrade-system', 'control-plane=upgrade-proxy')
    await untilPodRuns('default', 'app=workload')
    expect(podOf('app=workload')).not.toBe(before)
    expect(verdict()).toMatchObject({ operation: 'upgrade', outcome: 'Succeeded' })
  },
  LIMIT_MS,
)

test(
  'a rollback boots the old slot on trial and keeps it',
  async () => {
    await lab.step('rollback until v1 is committed and Ready', async () => {
      lab.apply('os-rollback.yaml')
      await untilIdleAt('KubeOS v1')
    })
    expect(lastBoot()).toMatchObject({ slot: 'A', version: 'KubeOS v1', trial: true })
    expect(verdict()).toMatchObject({ operation: 'rollback', outcome: 'Succeeded' })
  },
  LIMIT_MS,
)

test(
  'a kernel that panics is tried once; the node comes back by itself and the rollout halts',
  async () => {
    await lab.step('v3 panics until v1 is back and the rollout halted', async () => {
      lab.apply('os-v3.yaml')
      await untilHalted('KubeOS v3')
      await untilIdleAt('KubeOS v1')
    })
    expect(triesOf('KubeOS v3')).toEqual([
      { slot: 'B', version: 'KubeOS v3', trial: true, outcome: 'panics' },
    ])
    expect(lastBoot()).toMatchObject({ slot: 'A', version: 'KubeOS v1', trial: false })
  },
  LIMIT_MS,
)

test(
  'a system whose kubelet fails is refused by its own health gate, and the rollout halts',
  async () => {
    await lab.step('v4 fails its gate until v1 is back and the rollout halted', async () => {
      lab.apply('os-v4.yaml')
      await untilHalted('KubeOS v4')
      await untilIdleAt('KubeOS v1')
    })
    expect(triesOf('KubeOS v4')).toEqual([
      { slot: 'B', version: 'KubeOS v4', trial: true, outcome: 'boots' },
    ])
    expect(verdict().message).toContain('kubelet.service')
    expect(lastBoot()).toMatchObject({ slot: 'A', version: 'KubeOS v1', trial: false })
  },
  LIMIT_MS,
)

interface SeenNode {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> }
  readonly spec: { readonly unschedulable?: boolean }
  readonly status: {
    readonly nodeInfo: { readonly osImage: string }
    readonly conditions: readonly { type: string; status: string }[]
  }
}

interface SeenPods {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly deletionTimestamp?: string }
    readonly status: {
      readonly conditions?: readonly { type: string; status: string }[]
    }
  }[]
}

function node(): SeenNode | undefined {
  return lab.find<SeenNode>('node', NODE)
}

function instance(): SeenInstance | undefined {
  return lab.find<SeenInstance>('osinstance', NODE)
}

function isTrue(conditions: readonly { type: string; status: string }[], type: string): boolean {
  return conditions.some((each) => each.type === type && each.status === 'True')
}

async function untilNodeRuns(version: string): Promise<void> {
  await until(`a Ready node at ${version}`, 10 * MINUTE_MS, () => {
    const status = node()?.status
    const runs = status?.nodeInfo.osImage === version && isTrue(status.conditions, 'Ready')
    return runs ? true : undefined
  })
}

/** Ready, uncordoned, without label, and no operation under way. */
async function untilIdleAt(version: string): Promise<void> {
  await until(`an idle node at ${version}`, 20 * MINUTE_MS, () => {
    const now = node()
    const labelled = 'upgrade.openeuler.org/upgrading' in (now?.metadata.labels ?? {})
    const idle = instance()?.spec?.nodestatus === 'idle'
    const settled = now?.spec.unschedulable !== true && !labelled && idle
    return now?.status.nodeInfo.osImage === version && settled ? true : undefined
  })
  await untilNodeRuns(version)
}

async function untilPodRuns(namespace: string, label: string): Promise<void> {
  await until(`a running pod of ${label}`, 5 * MINUTE_MS, () => {
    const pods = lab.find<SeenPods>('pods', '-n', namespace, '-l', label)?.items ?? []
    const runs = pods.some(
      ({ metadata, status }) =>
        metadata.deletionTimestamp === undefined && isTrue(status.conditions ?? [], 'Ready'),
    )
    return runs ? true : undefined
  })
}

async function untilHalted(version: string): Promise<void> {
  await until(`a halt because of ${version}`, 20 * MINUTE_MS, () => {
    const os = lab.find<{ metadata: { annotations?: Record<string, string> } }>('os', 'vm')
    const rollout = os?.metadata.annotations?.['kubenest.io/rollout'] ?? '{}'
    const { halted } = JSON.parse(rollout) as { halted?: unknown }
    return halted !== undefined && verdict().image.version === version ? true : undefined
  })
  const status = lab.kubectl(['get', 'os', 'vm', '-o', 'jsonpath={.status.conditions}'])
  expect(status).toContain('Halted')
  expect(verdict().outcome).toBe('FellBack')
}

interface SeenVerdict {
  readonly operation: string
  readonly outcome: string
  readonly message: string
  readonly image: { readonly version: string }
}

function verdict(): SeenVerdict {
  const text = instance()?.metadata.annotations?.['kubenest.io/verdict']
  return JSON.parse(text ?? '{"image":{}}') as SeenVerdict
}

function podOf(label: string): string {
  return lab.kubectl(['get', 'pods', '-l', label, '-o', 'jsonpath={.items[0].metadata.uid}'])
}

function lastBoot(): SeenBoot | undefined {
  return withoutTime(lab.boots().at(-1))
}

function triesOf(version: string): (SeenBoot | undefined)[] {
  return lab
    .boots()
    .filter((boot) => boot.version === version)
    .map(withoutTime)
}

function withoutTime(boot: SeenBoot | undefined): SeenBoot | undefined {
  if (boot === undefined) return undefined
  const { slot, version, trial, outcome } = boot
  return { slot, version, trial, outcome }
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
