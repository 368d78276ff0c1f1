// The demo as data: what is asked for, why, and what must then be seen. Pure; a step has happened
// only when each of its expectations holds in the objects that the API server gave.
import type { FleetView, NodeView } from './fleet-view.ts'

/** Something that must be seen. */
export interface Expectation {
  readonly text: string
  readonly seen: boolean
}

/** What was seen over a whole step, not only at its end. */
export interface StepHistory {
  readonly before: FleetView
  /** Most nodes of each kind that were at work in any one look. */
  readonly mostBusy: Readonly<Record<string, number>>
}

/** One act of the demo. */
export interface DemoStep {
  readonly title: string
  readonly story: readonly string[]
  /** File below manifests/ that is applied. */
  readonly manifest: string
  readonly expect: (now: FleetView, history: StepHistory) => Expectation[]
}

const LIGHT_TIMEOUT_MS = 240_000
/** A virtual machine without KVM, on a machine that does other work, too. */
const VM_TIMEOUT_MS = 1_200_000

/** Time for one act with these nodes. */
export function actTimeoutMs(fleet: FleetView): number {
  return fleet.nodes.some((node) => node.kind === 'vm') ? VM_TIMEOUT_MS : LIGHT_TIMEOUT_MS
}

const V1 = 'KubeOS v1'
const V2 = 'KubeOS v2'
const V3 = 'KubeOS v3'

/** The acts, in order. */
export const DEMO_STEPS: readonly DemoStep[] = [
  {
    title: 'Upgrade: v1 to v2',
    story: [
      'OS objects ask for v2. The operator picks two nodes at a time; each writes the new root',
      'file system into its other slot while it still serves, checks the digest, is drained, and',
      'boots the new slot once, on trial. Only a node that judged itself healthy keeps it.',
    ],
    manifest: 'os-v2.yaml',
    expect: (now, history) => [
      expectation('every node runs v2', now, (node) => node.version === V2),
      expectation('each booted v2 on trial before it kept it', now, (node) => triedOnce(node, V2)),
      rebooted(now, history),
      capKept(history, 2),
      settled(now),
    ],
  },
  {
    title: 'Rollback: v2 to v1',
    story: [
      'The same objects, now with opstype rollback. v1 still lies in the other slot, so nothing is',
      'downloaded: drain, one boot on trial, and the node is back where it was.',
    ],
    manifest: 'os-rollback.yaml',
    expect: (now, history) => [
      expectation('every node runs v1 again', now, (node) => node.version === V1),
      expectation('each is back in slot A', now, (node) => node.slot === 'A'),
      rebooted(now, history),
      capKept(history, 2),
      settled(now),
    ],
  },
  {
    title: 'A broken v3 that nobody has to repair',
    story: [
      'The kernel of v3 panics. One node of a kind tries it; the boot loader was told to try once, so the next',
      'boot is v1 again, without help. The operator sees the failure and halts: no other node starts.',
    ],
    manifest: 'os-v3.yaml',
    expect: (now, history) => [
      count('exactly one node of each kind tried v3', now, 1, (node) => tried(node, V3).length > 0),
      count('its kernel panicked, once', now, 1, (node) => tried(node, V3).length === 1),
      count('that node fell back and says so', now, 1, (node) => fellBack(node, V3)),
      expectation('every node runs v1', now, (node) => node.version === V1),
      {
        text: 'each rollout halted and says why',
        seen: kindsOf(now).every((kind) => osOf(now, kind)?.halted !== undefined),
      },
      capKept(history, 1),
      quiet(now),
    ],
  },
]

function expectation(
  text: string,
  view: FleetView,
  holds: (node: NodeView) => boolean,
): Expectation {
  return { text, seen: view.nodes.length > 0 && view.nodes.every(holds) }
}

function count(
  text: string,
  view: FleetView,
  wanted: number,
  holds: (node: NodeView) => boolean,
): Expectation {
  const seen = kindsOf(view).every(
    (kind) => view.nodes.filter((node) => node.kind === kind && holds(node)).length === wanted,
  )
  return { text, seen }
}

function rebooted(now: FleetView, history: StepHistory): Expectation {
  return expectation('each rebooted, by its boot id', now, (node) => {
    const before = history.before.nodes.find((each) => each.name === node.name)
    return before !== undefined && before.bootId !== node.bootId
  })
}

function capKept(history: StepHistory, cap: number): Expectation {
  const nodes = cap === 1 ? 'one node was' : `${cap} nodes were`
  const seen = kindsOf(history.before).every((kind) => {
    const most = history.mostBusy[kind] ?? 0
    return most > 0 && most <= cap
  })
  return { text: `never more than ${nodes} at work at once in one rollout`, seen }
}

function kindsOf(view: FleetView): NodeView['kind'][] {
  return [...new Set(view.nodes.map((node) => node.kind))]
}

function osOf(view: FleetView, kind: NodeView['kind']) {
  return view.oses.find((os) => os.name === kind)
}

/** Nothing is left over, and the objects' own counts agree. */
function settled(now: FleetView): Expectation {
  const told = kindsOf(now).every((kind) => {
    const os = osOf(now, kind)
    return (
      os?.observedGeneration === os?.generation &&
      os?.updated === now.nodes.filter((node) => node.kind === kind).length &&
      os.failed === 0
    )
  })
  const { seen } = quiet(now)
  return { text: 'all are Ready and schedulable, and the OS objects say so', seen: seen && told }
}

function quiet(now: FleetView): Expectation {
  return expectation(
    'all are Ready, schedulable and idle',
    now,
    (node) => node.ready && !node.cordoned && !node.busy,
  )
}

function tried(node: NodeView, version: string) {
  return node.boots.filter((boot) => boot.version === version)
}

function triedOnce(node: NodeView, version: string): boolean {
  const boots = tried(node, version)
  return boots.length === 1 && boots[0]?.trial === true
}

function fellBack(node: NodeView, version: string): boolean {
  return node.verdict?.outcome === 'FellBack' && node.verdict.image.version === version
}
