// A lab's fleet as people look at it: nodes with what they are doing, and the OS object's own
// account.
import type { Node } from '@kubenest/api/core/objects'
import { LABELS, OS_ANNOTATIONS, OS_INSTANCE_ANNOTATIONS } from '@kubenest/api/os/names'
import type { Os, OsInstance } from '@kubenest/api/os/os'
import {
  type OperationRecord,
  parseRecord,
  type RolloutRecord,
  type Verdict,
} from '@kubenest/api/os/records'
import type { LabBoot, LabNodeRecord } from './lab-record.ts'

/** One node. */
export interface NodeView {
  readonly name: string
  /** Also the name of the OS object that moves it. */
  readonly kind: LabNodeRecord['kind']
  /** Ready, and not cordoned. */
  readonly ready: boolean
  readonly cordoned: boolean
  /** Labelled as being worked on, or its OSInstance is not idle. */
  readonly busy: boolean
  readonly version: string
  readonly bootId: string
  readonly slot: string
  readonly phase: string
  readonly since: string
  readonly bytesDone?: number
  readonly bytesTotal?: number
  readonly verdict?: Verdict
  readonly boots: readonly LabBoot[]
}

/** One OS object. */
export interface OsView {
  readonly name: string
  readonly generation: number
  readonly observedGeneration: number
  readonly updated: number
  readonly failed: number
  /** Message of its Progressing condition. */
  readonly progress: string
  readonly halted?: { readonly reason: string; readonly message: string }
}

/** The whole. */
export interface FleetView {
  readonly nodes: readonly NodeView[]
  readonly oses: readonly OsView[]
}

/** Objects as they were read. */
export interface FleetFacts {
  readonly nodes: readonly Node[]
  readonly instances: readonly OsInstance[]
  readonly oses: readonly Os[]
  readonly power: readonly LabNodeRecord[]
}

/** Makes the view. */
export function viewFleet(facts: FleetFacts): FleetView {
  const nodes = facts.power.map((power) => {
    const isNamed = (each: Node | OsInstance) => each.metadata.name === power.name
    return viewNode(power, facts.nodes.find(isNamed), facts.instances.find(isNamed))
  })
  return { nodes, oses: facts.oses.map(viewOs) }
}

function viewNode(
  power: LabNodeRecord,
  node: Node | undefined,
  instance: OsInstance | undefined,
): NodeView {
  const notes = instance?.metadata.annotations ?? {}
  const verdict = parseRecord<Verdict>(notes[OS_INSTANCE_ANNOTATIONS.verdict])
  const record = openRecord(parseRecord<OperationRecord>(notes[OS_INSTANCE_ANNOTATIONS.operation]))
  const busy = isBusy(node, instance)
  const told = instance?.status?.operation
  const isPreparing = busy && record?.phase === 'Preparing' && told?.id === record.id
  const moving = isPreparing && told?.bytesTotal !== undefined
  return {
    name: power.name,
    kind: power.kind,
    ready: isReady(node),
    cordoned: node?.spec?.unschedulable === true,
    busy,
    version: node?.status?.nodeInfo?.osImage ?? '-',
    bootId: node?.status?.nodeInfo?.bootID ?? '',
    slot: power.boots.at(-1)?.slot ?? '-',
    ...phaseOf(power, busy, record, verdict),
    ...(moving ? { bytesDone: told.bytesDone ?? 0, bytesTotal: told.bytesTotal ?? 0 } : {}),
    ...(verdict === undefined ? {} : { verdict }),
    boots: power.boots,
  }
}

/** A record that has ended belongs to an earlier operation. */
function openRecord(record: OperationRecord | undefined): OperationRecord | undefined {
  return record?.endedAt === undefined ? record : undefined
}

function isBusy(node: Node | undefined, instance: OsInstance | undefined): boolean {
  const labels = node?.metadata.labels ?? {}
  const labelled = LABELS.upgrading in labels || LABELS.configuring in labels
  return labelled || (instance?.spec?.nodestatus ?? 'idle') !== 'idle'
}

function isReady(node: Node | undefined): boolean {
  return (
    node?.status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') ===
    true
  )
}

/**
 * What a person sees first: the machine's power, then the operation, then how the last one ended.
 */
function phaseOf(
  power: LabNodeRecord,
  busy: boolean,
  record: OperationRecord | undefined,
  verdict: Verdict | undefined,
): { phase: string; since: string } {
  const boot = power.boots.at(-1)
  if (power.power === 'off') return { phase: 'Off', since: '' }
  if (power.power === 'boot-loader') return { phase: 'Rebooting', since: '' }
  if (power.power === 'panicked')
    return { phase: `Panicked in ${boot?.version}`, since: boot?.at ?? '' }
  if (busy) return { phase: record?.phase ?? 'Assigned', since: record?.since ?? '' }
  if (verdict === undefined) return { phase: 'Idle', since: boot?.at ?? '' }
  return { phase: verdict.outcome, since: verdict.at }
}

function viewOs(os: Os): OsView {
  const rollout = parseRecord<RolloutRecord>(os.metadata.annotations?.[OS_ANNOTATIONS.rollout])
  const progressing = os.status?.conditions?.find((each) => each.type === 'Progressing')
  return {
    name: os.metadata.name,
    generation: os.metadata.generation ?? 0,
    observedGeneration: os.status?.observedGeneration ?? 0,
    updated: os.status?.updated ?? 0,
    failed: os.status?.failed ?? 0,
    progress: progressing?.message ?? '',
    ...(rollout?.halted === undefined ? {} : { halted: rollout.halted }),
  }
}
