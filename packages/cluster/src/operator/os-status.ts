// The status of an OS object: small at any scale, made of the plan's own findings (decision 11).
// Pure. Status mirrors; nothing is ever read back from it but transition times.
import type { OsConditionType } from '@kubenest/api/os/conditions'
import type { OsStatus } from '@kubenest/api/os/os'
import type { NodeFailure, RolloutRecord } from '@kubenest/api/os/records'
import type { NodeStanding } from './classify-node.ts'
import type { OsFacts } from './facts.ts'
import type { Gate } from './gate.ts'
import {
  instant,
  intervalSentence,
  nameList,
  noClaimRightSentence,
  nodeCount,
  noNodesSentence,
  what,
} from './sentences.ts'

export const REASONS_MAX = 20
const EXAMPLES_MAX = 3
const MESSAGE_LENGTH_MAX = 1000
/** The long sentence stands once; four copies of it hide everything else. */
const SEE_DEGRADED = 'the condition Degraded says why, and what to do.'

/** A condition before its transition time is known. */
export interface PlannedCondition {
  type: OsConditionType
  status: 'True' | 'False'
  reason: string
  message: string
}

/** A status before transition times are known. */
export interface PlannedStatus extends Omit<OsStatus, 'conditions'> {
  conditions: PlannedCondition[]
}

/** What the status tells. */
export interface StatusInput {
  os: OsFacts
  standings: readonly NodeStanding[]
  /** Busy nodes, also those that the selector does not mean any more. */
  busy: ReadonlySet<string>
  record: RolloutRecord
  standing: readonly NodeFailure[]
  gate: Gate | undefined
  pausedUntilMs: number | undefined
  /** Why fewer nodes than the cap allows were claimed. */
  claimLimit: string | undefined
  nextActionMs: number | undefined
  mayClaim: boolean
}

/** Makes the status. */
export function planStatus(input: StatusInput): PlannedStatus {
  const { os, standings, nextActionMs } = input
  const count = (kind: NodeStanding['kind']) =>
    standings.filter((each) => each.kind === kind).length
  return {
    observedGeneration: os.generation,
    nodes: standings.length,
    updated: count('updated'),
    updating: input.busy.size,
    waiting: count('waiting') + count('candidate'),
    failed: count('failed'),
    ...(nextActionMs === undefined ? {} : { nextActionTime: instant(nextActionMs) }),
    deniedDigests: deniedDigests(input),
    reasons: groupReasons(input),
    conditions: [progressing(input), available(input), degraded(input), paused(input)],
  }
}

function condition(
  type: OsConditionType,
  isTrue: boolean,
  reason: string,
  message: string,
): PlannedCondition {
  const status = isTrue ? 'True' : 'False'
  return { type, status, reason, message: message.slice(0, MESSAGE_LENGTH_MAX) }
}

function progressing(input: StatusInput): PlannedCondition {
  const { os, standings, busy, gate } = input
  const done = standings.filter(({ kind }) => kind === 'updated').length
  const make = (isTrue: boolean, reason: string, message: string) =>
    condition('Progressing', isTrue, reason, message)
  const total = nodeCount(standings.length)
  if (busy.size > 0) {
    const stuck = standings.filter(({ isHeldUp }) => isHeldUp === true).length
    const held = stuck === 0 ? '' : `, ${stuck} held up (see Degraded)`
    const work = `${nodeCount(busy.size)} at work (${nameList([...busy].sort())})${held}; ${done} of ${total} at ${what(os)}.`
    return make(
      true,
      'RollingOut',
      [work, gate?.message, input.claimLimit].filter(Boolean).join(' '),
    )
  }
  if (gate?.kind === 'wrong') return make(false, gate.reason, gate.message)
  if (standings.length === 0) return make(false, 'NoNodes', noNodesSentence(os.nodeSelector))
  if (done === standings.length) return make(false, 'Complete', `${total} at ${what(os)}.`)
  if (gate !== undefined) return make(gate.kind === 'waiting', gate.reason, gate.message)
  if (input.pausedUntilMs !== undefined)
    return make(true, 'Interval', intervalSentence(os.intervalSeconds, input.pausedUntilMs))
  const starting = standings.some(({ kind }) => kind === 'candidate')
  if (starting)
    return make(true, 'Starting', input.claimLimit ?? `${total} selected; the first ones start.`)
  return make(
    false,
    'NodesBlocked',
    `${standings.length - done} of ${total} cannot start; status.reasons says why.`,
  )
}

function available({ os, standings, busy }: StatusInput): PlannedCondition {
  const done = standings.filter(({ kind }) => kind === 'updated').length
  // Nobody who waits for this condition shall take a selector without nodes for success.
  if (standings.length === 0)
    return condition('Available', false, 'NoNodes', noNodesSentence(os.nodeSelector))
  const isDone = done === standings.length && busy.size === 0
  const message = `${done} of ${nodeCount(standings.length)} at ${what(os)}.`
  return condition('Available', isDone, isDone ? 'UpToDate' : 'NotUpToDate', message)
}

function degraded(input: StatusInput): PlannedCondition {
  const { gate, standing, standings } = input
  const make = (reason: string, message: string) => condition('Degraded', true, reason, message)
  if (gate?.kind === 'wrong' || gate?.reason === 'Halted') return make(gate.reason, gate.message)
  if (!input.mayClaim) return make('NoClaimRight', noClaimRightSentence())
  const failed = standing.filter(({ outcome }) => outcome !== 'Skipped')
  if (failed.length > 0)
    return make(
      'NodesFailed',
      `${nodeCount(failed.length)} failed: ${nameList(failed.map(({ node }) => node))}.`,
    )
  const stuck = standings.filter(({ isHeldUp }) => isHeldUp === true)
  if (stuck.length > 0) {
    const names = nameList(stuck.map(({ node }) => node.name))
    return make(
      'NodesStuck',
      `${nodeCount(stuck.length)} cannot go on (${names}): ${stuck[0]?.message ?? ''}`,
    )
  }
  const missing = standings.filter(({ reason }) => reason === 'NoOSInstance')
  if (missing.length > 0) {
    const names = nameList(missing.map(({ node }) => node.name))
    return make(
      'NoOSInstance',
      `${nodeCount(missing.length)} without OSInstance (${names}); check the upgrade-proxy pods there.`,
    )
  }
  return condition('Degraded', false, 'AsExpected', 'Nothing is wrong.')
}

function paused({ gate, os }: StatusInput): PlannedCondition {
  if (gate?.reason === 'Halted')
    return condition('Paused', true, 'Halted', `The rollout halted itself; ${SEE_DEGRADED}`)
  if (os.paused) return condition('Paused', true, 'PausedByUser', 'spec.rollout.paused is true.')
  return condition('Paused', false, 'NotPaused', 'The rollout is not paused.')
}

/** Images that fell back somewhere and are not tried again there. */
function deniedDigests({ record, standing }: StatusInput): string[] {
  const fellBack = ({ outcome }: NodeFailure) => outcome === 'FellBack'
  const digests = (record.earlier ?? [])
    .filter(({ failures }) => failures.some(fellBack))
    .map(({ image }) => image.digest)
  if (standing.some(fellBack)) digests.push(record.image.digest)
  return [...new Set(digests.filter((digest) => digest !== ''))].sort()
}

type Reason = NonNullable<OsStatus['reasons']>[number]

function groupReasons(input: StatusInput): Reason[] {
  const groups = new Map<string, Reason>()
  for (const standing of input.standings) {
    if (standing.kind === 'updated') continue
    const { reason, message } = shownReason(standing, input)
    const key = `${reason}\n${message}`
    const group = groups.get(key) ?? { reason, message, count: 0, nodes: [] }
    group.count += 1
    if (group.nodes.length < EXAMPLES_MAX) group.nodes.push(standing.node.name)
    if (standing.since !== undefined && (group.since === undefined || standing.since < group.since))
      group.since = standing.since
    groups.set(key, group)
  }
  return [...groups.values()]
    .sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1))
    .slice(0, REASONS_MAX)
}

/** A node that could start shows what holds the whole rollout. */
function shownReason(standing: NodeStanding, input: StatusInput) {
  const { gate, pausedUntilMs, os } = input
  const message = standing.message.slice(0, MESSAGE_LENGTH_MAX)
  if (standing.kind !== 'candidate') return { reason: standing.reason, message }
  if (gate?.reason === 'Halted')
    return {
      reason: gate.reason,
      message: `It waits because the rollout is halted; ${SEE_DEGRADED}`,
    }
  if (gate !== undefined) return { reason: gate.reason, message: gate.message }
  if (pausedUntilMs !== undefined)
    return { reason: 'Interval', message: intervalSentence(os.intervalSeconds, pausedUntilMs) }
  return { reason: standing.reason, message }
}
