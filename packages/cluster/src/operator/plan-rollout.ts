// The heart of the operator and the only place that decides: from facts and the time to what is
// written next (contract 2, decisions 1 to 11). Pure and level-based: the same facts give the same
// plan, and a plan that was carried out in part is completed by the next one.
import type {
  Claim,
  HistoryEntry,
  NodeFailure,
  RolloutRecord,
  Verdict,
} from '@kubenest/api/os/records'
import { cap } from './cap.ts'
import {
  failureOf,
  failureRecord,
  isFree,
  judgeClaims,
  verdictOf,
  type ClaimState,
} from './claims.ts'
import { classifyNode, type NodeStanding } from './classify-node.ts'
import type { InstanceFacts, NodeFacts, RolloutFacts } from './facts.ts'
import { DEDUCED_REASONS, grantFor, haltOf, standingFailures } from './failures.ts'
import { closedGate, type Gate } from './gate.ts'
import { planLabels, type LabelChange } from './plan-labels.ts'
import { planStatus, type PlannedStatus } from './os-status.ts'
import { judgePeer } from './peer-failures.ts'
import { planStarts, type Starts } from './plan-starts.ts'
import { fittingClaims, recordAnnotations } from './record-write.ts'
import {
  currentRecord,
  type RolloutIdentity,
  rolloutKey,
  wantedIdentity,
  withFailure,
  withHistory,
} from './rollout-record.ts'
import { selectNodes } from './select-nodes.ts'

/** A claim and the OSInstance it is written to. */
export interface ClaimWrite {
  claim: Claim
  instance: InstanceFacts
}

/** What is done now, in this order: record, assignments and voids, labels, leftovers, status. */
export interface RolloutPlan {
  /** Annotations of the OS object, written on condition that it has not changed since. */
  record: Record<string, string | null> | undefined
  /** Nodes to start; only after the record was written. */
  assign: ClaimWrite[]
  /** Claims that are marked as over without having started. */
  voids: ClaimWrite[]
  /** Labels; those of nodes in `assign` only after their OSInstance was written. */
  labels: LabelChange[]
  /** OSInstances of nodes that were made anew: deleted, so that the proxy creates them idle. */
  leftovers: InstanceFacts[]
  status: PlannedStatus
  /** When something may change without an event. */
  nextActionMs: number | undefined
  /** Situations whose first sighting the process remembers. */
  sightings: string[]
}

/** Everything found out before anything is chosen. */
interface Findings {
  facts: RolloutFacts
  nowMs: number
  base: NodeFacts[]
  states: ClaimState[]
  record: RolloutRecord
  standing: NodeFailure[]
  busy: Set<string>
  gate: Gate | undefined
  standings: NodeStanding[]
  sightings: string[]
  lookAgainMs: number[]
}

/** Decides. `newId` gives ids of claims. */
export function planRollout(facts: RolloutFacts, nowMs: number, newId: () => string): RolloutPlan {
  const found = findOut(facts, nowMs)
  const starts = chooseStarts(found)
  const made = makeClaims(found, starts, newId)
  const carried = carryOver(found)
  const record = writeRecord(found, starts, made.claims)
  const assign = [...carried.assign, ...made.assign]
  const labels = planLabels({ ...found, os: facts.os, assign, starts, states: found.states })
  const startMs = nextStart(found, starts)
  return {
    record: facts.mayClaim ? record : undefined,
    assign,
    voids: carried.voids,
    labels: labels.changes,
    leftovers: found.states.flatMap((each) =>
      each.state === 'foreign' && each.leftover !== undefined ? [each.leftover] : [],
    ),
    status: planStatus({
      ...found,
      os: facts.os,
      busy: new Set([...found.busy, ...made.claims.map(({ node }) => node)]),
      standings: withStarted(found.standings, made.claims),
      pausedUntilMs: starts.pausedUntilMs,
      claimLimit: made.limit,
      nextActionMs: startMs,
      mayClaim: facts.mayClaim,
    }),
    nextActionMs: nextLook(found, startMs, labels.lookAgainMs),
    sightings: [...found.sightings, ...labels.sightings],
  }
}

function findOut(facts: RolloutFacts, nowMs: number): Findings {
  const { os } = facts
  const base = selectNodes(os.nodeSelector, facts.nodes)
  const states = judgeClaims(facts)
  const judged = judgeFailures(facts, base, states, nowMs)
  const standing = standingFailures(os, judged.record)
  const busy = busyNodes(facts, base, states)
  const gate = closedGate(facts, base, standing, nowMs)
  const claims = new Map(states.map((each) => [each.claim.node, each]))
  const standings = base.map((node) =>
    classifyNode(node, facts.instances.get(node.name), { os, standing, busy, claims, nowMs }),
  )
  return { facts, nowMs, base, states, standing, busy, gate, standings, ...judged }
}

/** Claims, labelled nodes and non-idle OSInstances of this name, always (decision 4). */
function busyNodes(
  facts: RolloutFacts,
  base: readonly NodeFacts[],
  states: readonly ClaimState[],
): Set<string> {
  const busy = new Set<string>()
  for (const each of states)
    if (each.state === 'unstarted' || each.state === 'working') busy.add(each.claim.node)
  for (const node of base) if (node.isUpgrading || node.isConfiguring) busy.add(node.name)
  const existing = new Set(facts.nodes.map(({ name }) => name))
  for (const [name, instance] of facts.instances)
    if (!instance.isIdle && instance.owner === facts.os.key && existing.has(name)) busy.add(name)
  return busy
}

function judgeFailures(
  facts: RolloutFacts,
  base: readonly NodeFacts[],
  states: readonly ClaimState[],
  nowMs: number,
) {
  const { os } = facts
  let record = currentRecord(os, nowMs)
  const sightings: string[] = []
  const lookAgainMs: number[] = []
  for (const each of states) {
    if (each.state === 'finished') {
      if (each.succeeded) record = withoutDeduced(record, each.claim)
      if (each.failure !== undefined)
        record = withFailure(record, triedIdentity(each.claim, each.verdict), each.failure)
    }
    if (each.state !== 'working') continue
    const verdict = verdictOf(each.claim, each.instance)
    const failure = verdict === undefined ? undefined : failureOf(os, each.claim, verdict)
    if (failure !== undefined)
      record = withFailure(record, triedIdentity(each.claim, verdict), failure)
    if (verdict !== undefined) continue
    const peer = judgePeer(os, each, nowMs, facts.firstSeenMs)
    if (peer.sighting !== undefined) sightings.push(peer.sighting)
    if (peer.lookAgainMs !== undefined) lookAgainMs.push(peer.lookAgainMs)
    if (peer.failure === undefined || isKnown(record, each.claim)) continue
    const at = new Date(nowMs).toISOString()
    const found = failureRecord(os, each.claim, { ...peer.failure, at })
    record = withFailure(record, identityOf(each.claim), found)
  }
  if (!facts.mayClaim) record = withVerdicts(facts, base, record)
  return { record, sightings, lookAgainMs }
}

function identityOf(claim: Claim) {
  const { image, operation, settings } = claim
  return { image, operation, ...(settings === undefined ? {} : { settings }) }
}

/** An object that changes between claim and start makes the proxy try the newer image. */
function triedIdentity(claim: Claim, verdict: Verdict | undefined): RolloutIdentity {
  const claimed = identityOf(claim)
  if (verdict === undefined || claim.operation === 'config') return claimed
  return { ...claimed, image: verdict.image }
}

function isKnown(record: RolloutRecord, claim: Claim): boolean {
  const all = [record, ...(record.earlier ?? [])].flatMap(({ failures }) => failures)
  return all.some((failure) => failure.claim === claim.id)
}

function withoutDeduced(record: RolloutRecord, claim: Claim): RolloutRecord {
  const isBack = ({ claim: id, reason }: NodeFailure) =>
    id === claim.id && DEDUCED_REASONS.includes(reason)
  return record.failures.some(isBack)
    ? { ...record, failures: record.failures.filter((failure) => !isBack(failure)) }
    : record
}

/** Without the right to keep a record, the proxies' own verdicts are all there is (decision 4). */
function withVerdicts(
  facts: RolloutFacts,
  base: readonly NodeFacts[],
  record: RolloutRecord,
): RolloutRecord {
  let changed = record
  for (const node of base) {
    const instance = facts.instances.get(node.name)
    const verdict = instance?.verdict
    if (verdict === undefined || verdict.id !== instance?.claim) continue
    const claim = claimFor(facts, node, verdict.id, verdict.at)
    const isSame = rolloutKey({ ...identityOf(claim), image: verdict.image }) === rolloutKey(record)
    const failure = failureOf(facts.os, claim, verdict)
    if (isSame && failure !== undefined) changed = withFailure(changed, identityOf(claim), failure)
  }
  return changed
}

const NO_STARTS: Starts = {
  start: [],
  serialAdd: [],
  serialRemove: [],
  batchOpen: false,
  batchEnded: false,
}

function chooseStarts(found: Findings): Starts {
  const { facts, gate, standings, record, busy, nowMs } = found
  const isBatchOpen = record.batchOpen ?? false
  if (gate !== undefined) return { ...NO_STARTS, batchOpen: isBatchOpen }
  const allowed = cap(facts.os.maxUnavailable, found.base.length)
  const limit = 'limit' in allowed ? allowed.limit : 0
  return planStarts({
    os: facts.os,
    standings,
    busyCount: busy.size,
    limit: isOneByOne(facts) ? Math.min(1, limit) : limit,
    batchOpen: isBatchOpen,
    nowMs,
  })
}

/** A serial batch may be larger: its nodes take turns anyway. */
function isOneByOne({ mayClaim, os }: RolloutFacts): boolean {
  return !mayClaim || (os.restartsServices && os.mode !== 'serial')
}

function makeClaims(found: Findings, starts: Starts, newId: () => string) {
  const { facts, record, nowMs } = found
  const at = new Date(nowMs).toISOString()
  const wanted = starts.start.map(({ node }) => claimFor(facts, node, newId(), at))
  const fitting = facts.mayClaim
    ? fittingClaims(keptClaims(found), wanted, {
        rollout: record,
        history: facts.os.history,
        attempt: facts.os.attempt,
      })
    : wanted.length
  const claims = wanted.slice(0, fitting)
  const limit =
    fitting < wanted.length
      ? `Claims are limited to what fits on the OS object; ${wanted.length - fitting} more nodes start when others are done.`
      : undefined
  const assign = claims.flatMap((claim) => {
    const instance = facts.instances.get(claim.node)
    return instance === undefined ? [] : [{ claim, instance }]
  })
  return { claims, assign, limit }
}

function claimFor(facts: RolloutFacts, node: NodeFacts, id: string, at: string): Claim {
  const { os } = facts
  const grant = grantFor(os, node.name)
  const wanted = wantedIdentity(os)
  return {
    id,
    node: node.name,
    nodeUid: node.uid,
    osUid: os.uid,
    operation: wanted.operation,
    wasUnschedulable: node.isUnschedulable && node.cordonedBy === undefined,
    bootId: node.bootId,
    at,
    image: wanted.image,
    ...(wanted.settings === undefined ? {} : { settings: wanted.settings }),
    ...(grant === undefined ? {} : { attempt: grant.token }),
  }
}

/**
 * Claims that were written but not yet stamped: started now, or marked as over when no longer
 * wanted.
 */
function carryOver(found: Findings): { assign: ClaimWrite[]; voids: ClaimWrite[] } {
  const assign: ClaimWrite[] = []
  const voids: ClaimWrite[] = []
  const wishKey = rolloutKey(wantedIdentity(found.facts.os))
  const selected = new Set(found.base.map(({ name }) => name))
  for (const each of found.states) {
    if (each.state !== 'unstarted' || each.instance === undefined || !isFree(each.instance))
      continue
    const { claim, instance } = each
    const isWanted =
      found.gate === undefined &&
      selected.has(claim.node) &&
      rolloutKey(identityOf(claim)) === wishKey &&
      claim.operation === found.facts.os.operation &&
      needsStill(found, each.node, instance)
    if (isWanted) assign.push({ claim, instance })
    else voids.push({ claim, instance })
  }
  return { assign, voids }
}

function needsStill(found: Findings, node: NodeFacts, instance: InstanceFacts): boolean {
  const { os } = found.facts
  const context = {
    os,
    standing: found.standing,
    busy: new Set<string>(),
    claims: new Map(),
    nowMs: found.nowMs,
  }
  return classifyNode(node, instance, context).kind === 'candidate'
}

function keptClaims(found: Findings): Claim[] {
  return found.states
    .filter(
      (each) =>
        each.state === 'unstarted' ||
        each.state === 'working' ||
        // Until the assignment of the machine that was replaced is really gone.
        (each.state === 'foreign' && each.leftover !== undefined),
    )
    .map(({ claim }) => claim)
}

function writeRecord(found: Findings, starts: Starts, made: readonly Claim[]) {
  const { facts, nowMs } = found
  const { os } = facts
  const isStart = made.length > 0 && os.mode === 'parallel'
  const rollout = nextRollout(found, starts, made.length > 0)
  return recordAnnotations(os, {
    claims: [...keptClaims(found), ...made],
    rollout,
    history: rollout === undefined ? os.history : nextHistory(found, rollout),
    lastBatchMs: isStart || starts.batchEnded ? Math.floor(nowMs / 1000) * 1000 : undefined,
  })
}

/** The record to be kept; `undefined` while there is nothing worth keeping. */
function nextRollout(
  found: Findings,
  starts: Starts,
  isStarting: boolean,
): RolloutRecord | undefined {
  const { facts, record, standings, standing, busy, gate, nowMs } = found
  const before = facts.os.rollout
  const { batchOpen: _, halted: __, ...rest } = record
  const halt = haltOf(facts.os, standing)
  const isDone =
    standings.length > 0 && busy.size === 0 && standings.every(({ kind }) => kind === 'updated')
  const isOwn = before !== undefined && rolloutKey(before) === rolloutKey(record)
  const next: RolloutRecord = {
    ...rest,
    ...(starts.batchOpen ? { batchOpen: true } : {}),
    ...(halt === undefined ? {} : { halted: record.halted ?? haltRecord(gate, nowMs) }),
    ...(isOwn && isDone && record.finishedAt === undefined
      ? { finishedAt: new Date(nowMs).toISOString() }
      : {}),
  }
  if (isOwn || isStarting) return next
  const isTold = failureCount(next) > (before === undefined ? 0 : failureCount(before))
  return isTold ? next : undefined
}

function haltRecord(gate: Gate | undefined, nowMs: number) {
  const message = (gate?.message ?? '').slice(0, 500)
  return { reason: 'MaxFailures', message, at: new Date(nowMs).toISOString() }
}

function failureCount(record: RolloutRecord): number {
  return [record, ...(record.earlier ?? [])].reduce((sum, { failures }) => sum + failures.length, 0)
}

function nextHistory(found: Findings, next: RolloutRecord): HistoryEntry[] {
  const { os } = found.facts
  const before = os.rollout
  const end = { nodes: found.base.length, nowMs: found.nowMs }
  if (before === undefined) return os.history
  if (rolloutKey(before) !== rolloutKey(next)) {
    if (before.finishedAt !== undefined) return os.history
    const outcome = before.halted === undefined ? 'Replaced' : 'Halted'
    return withHistory(os.history, before, { ...end, outcome })
  }
  if (before.finishedAt !== undefined || next.finishedAt === undefined) return os.history
  return withHistory(os.history, next, { ...end, outcome: 'Succeeded' })
}

/** When something starts without an event: what a person is told. */
function nextStart({ gate, standings }: Findings, starts: Starts): number | undefined {
  const isWaiting = standings.some(({ kind }) => kind === 'candidate')
  const opensMs = isWaiting ? gate?.opensMs : undefined
  return earliest([opensMs, starts.pausedUntilMs])
}

/** When to look again, also where only a sentence may change. */
function nextLook(
  found: Findings,
  startMs: number | undefined,
  labelsAgainMs: readonly number[],
): number | undefined {
  const standings = found.standings.map(({ lookAgainMs }) => lookAgainMs)
  return earliest([startMs, ...found.lookAgainMs, ...labelsAgainMs, ...standings])
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

function withStarted(standings: readonly NodeStanding[], made: readonly Claim[]): NodeStanding[] {
  const started = new Map(made.map((claim) => [claim.node, claim]))
  return standings.map((standing) => {
    const claim = started.get(standing.node.name)
    if (claim === undefined) return standing
    const message = 'The proxy on the node has been asked to work.'
    return { ...standing, kind: 'updating', reason: 'Assigned', message, since: claim.at }
  })
}
