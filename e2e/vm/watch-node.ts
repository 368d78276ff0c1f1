// What tests wait for on the lab's only virtual node, seen as a person would: through kubectl.
import { NODE, type SeenBoot, type SeenInstance, until, type VmLab } from './vm-lab.ts'

const MINUTE_MS = 60_000

/** The node, and waits with limits for a busy machine. */
export interface NodeWatch {
  readonly instance: () => SeenInstance | undefined
  /** The last operation's; empty before the first one ended. */
  readonly verdict: () => SeenVerdict
  readonly lastBoot: () => SeenBoot | undefined
  /** Boots of a version, without their times. */
  readonly triesOf: (version: string) => (SeenBoot | undefined)[]
  readonly untilRuns: (version: string) => Promise<void>
  /** Ready, uncordoned, without label, and no operation under way. */
  readonly untilIdleAt: (version: string) => Promise<void>
  readonly untilPodRuns: (namespace: string, label: string) => Promise<void>
  /** The rollout has halted because of this version, and its status names the verdict's reason. */
  readonly untilHalted: (version: string) => Promise<void>
}

export interface SeenVerdict {
  readonly operation: string
  readonly outcome: string
  readonly reason: string
  readonly message: string
  readonly image: { readonly version: string }
}

interface SeenNode {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> }
  readonly spec: { readonly unschedulable?: boolean }
  readonly status: {
    readonly nodeInfo: { readonly osImage: string }
    readonly conditions: readonly SeenCondition[]
  }
}

interface SeenCondition {
  readonly type: string
  readonly status: string
}

interface SeenPods {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly deletionTimestamp?: string }
    readonly status: { readonly conditions?: readonly SeenCondition[] }
  }[]
}

/** Watches the node of a lab. */
export function watchNode(lab: VmLab): NodeWatch {
  const instance = () => lab.find<SeenInstance>('osinstance', NODE)
  const verdict = () => verdictOf(instance())
  const untilRuns = (version: string) => untilNodeRuns(lab, version)
  return {
    instance,
    verdict,
    lastBoot: () => withoutTime(lab.boots().at(-1)),
    triesOf: (version) =>
      lab
        .boots()
        .filter((boot) => boot.version === version)
        .map(withoutTime),
    untilRuns,
    untilIdleAt: async (version) => {
      await until(`an idle node at ${version}`, 20 * MINUTE_MS, () =>
        isIdleAt(readNode(lab), instance(), version) ? true : undefined,
      )
      await untilRuns(version)
    },
    untilPodRuns: (namespace, label) => untilPodRuns(lab, namespace, label),
    untilHalted: (version) => untilHalted(lab, version, verdict),
  }
}

function readNode(lab: VmLab): SeenNode | undefined {
  return lab.find<SeenNode>('node', NODE)
}

function isTrue(conditions: readonly SeenCondition[], type: string): boolean {
  return conditions.some((each) => each.type === type && each.status === 'True')
}

async function untilNodeRuns(lab: VmLab, version: string): Promise<void> {
  await until(`a Ready node at ${version}`, 20 * MINUTE_MS, () => {
    const status = readNode(lab)?.status
    const runs = status?.nodeInfo.osImage === version && isTrue(status.conditions, 'Ready')
    return runs ? true : undefined
  })
}

function isIdleAt(
  node: SeenNode | undefined,
  instance: SeenInstance | undefined,
  version: string,
): boolean {
  const labelled = 'upgrade.openeuler.org/upgrading' in (node?.metadata.labels ?? {})
  const idle = instance?.spec?.nodestatus === 'idle'
  const settled = node?.spec.unschedulable !== true && !labelled && idle
  return node?.status.nodeInfo.osImage === version && settled
}

async function untilPodRuns(lab: VmLab, namespace: string, label: string): Promise<void> {
  await until(`a running pod of ${label}`, 10 * MINUTE_MS, () => {
    const pods = lab.find<SeenPods>('pods', '-n', namespace, '-l', label)?.items ?? []
    const runs = pods.some(
      ({ metadata, status }) =>
        metadata.deletionTimestamp === undefined && isTrue(status.conditions ?? [], 'Ready'),
    )
    return runs ? true : undefined
  })
}

async function untilHalted(lab: VmLab, version: string, verdict: () => SeenVerdict): Promise<void> {
  await until(`a halt because of ${version}`, 20 * MINUTE_MS, () => {
    const os = lab.find<{ metadata: { annotations?: Record<string, string> } }>('os', 'vm')
    const rollout = os?.metadata.annotations?.['kubenest.io/rollout'] ?? '{}'
    const { halted } = JSON.parse(rollout) as { halted?: unknown }
    return halted !== undefined && verdict().image.version === version ? true : undefined
  })
  // The person's view: the object says so, too.
  await until('the halt in the status', MINUTE_MS, () => {
    const status = lab.kubectl(['get', 'os', 'vm', '-o', 'jsonpath={.status.conditions}'])
    return status.includes('Halted') && status.includes(verdict().reason) ? true : undefined
  })
}

function verdictOf(instance: SeenInstance | undefined): SeenVerdict {
  const text = instance?.metadata.annotations?.['kubenest.io/verdict']
  return JSON.parse(text ?? '{"image":{}}') as SeenVerdict
}

function withoutTime(boot: SeenBoot | undefined): SeenBoot | undefined {
  if (boot === undefined) return undefined
  const { slot, version, trial, outcome } = boot
  return { slot, version, trial, outcome }
}
