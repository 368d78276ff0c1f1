// Where each selected node stands: done, at work, ready to start, or waiting with a reason. Pure.
import type { NodeFailure, OperationPhase, OperationRecord } from '@kubenest/api/os/records'
import { isFree, type ClaimState } from './claims.ts'
import { denialOf } from './failures.ts'
import type { InstanceFacts, NodeFacts, OsFacts } from './facts.ts'
import { believedUntilMs, needsOperation } from './needs-operation.ts'
import { PHASE_SENTENCES } from './sentences.ts'

/** After this time without a word of the proxy, the status says so. */
export const PROXY_ANSWER_MS = 120_000
/**
 * A phase that lasts longer is called slow: a proxy whose pod cannot start keeps its last word for
 * ever, and the operator sees no pods (its documented rights have none).
 */
export const PHASE_PATIENCE_MS = 1_200_000

/** A selected node and its standing. */
export interface NodeStanding {
  node: NodeFacts
  instance: InstanceFacts | undefined
  kind: 'updated' | 'updating' | 'candidate' | 'failed' | 'waiting'
  reason: string
  message: string
  /** RFC 3339. */
  since?: string
  /** At work, but held up by something that a person may have to look at. */
  isHeldUp?: boolean
  /** When this standing may change by itself. */
  lookAgainMs?: number
}

/** What the standing of a node depends on, beside the node. */
export interface StandingContext {
  os: OsFacts
  standing: readonly NodeFailure[]
  /** Names of nodes whose place within the cap is taken. */
  busy: ReadonlySet<string>
  claims: ReadonlyMap<string, ClaimState>
  nowMs: number
}

/** Says where a node stands. */
export function classifyNode(
  node: NodeFacts,
  instance: InstanceFacts | undefined,
  context: StandingContext,
): NodeStanding {
  const { os, standing, nowMs } = context
  const at = { node, instance }
  const claim = context.claims.get(node.name)
  if (context.busy.has(node.name)) return { ...at, ...atWork(instance, claim, nowMs) }
  const isUpdated = !needsOperation(os, node, instance)
  const updated = { ...at, kind: 'updated' as const, reason: 'Updated', message: '' }
  if (isUpdated && os.operation !== 'config') return updated
  // Settings count as asked for once assigned, so a failure to apply them is looked at first.
  const denial = denialOf(os, standing, node, instance)
  if (denial !== undefined) return { ...at, ...denied(os, denial) }
  if (isUpdated) return updated
  return { ...at, ...(instance === undefined ? missingInstance() : startable(os, instance, nowMs)) }
}

type Standing = Omit<NodeStanding, 'node' | 'instance'>

function atWork(
  instance: InstanceFacts | undefined,
  claim: ClaimState | undefined,
  nowMs: number,
): Standing {
  const operation = instance?.operation
  if (operation !== undefined && isOf(operation, claim)) {
    const work = { kind: 'updating', since: operation.since } as const
    const trouble = troubleOf(instance)
    if (trouble !== undefined) return { ...work, ...trouble, isHeldUp: true }
    const slowMs = Date.parse(operation.since) + PHASE_PATIENCE_MS
    const message = workSentence(instance, operation.phase)
    if (nowMs >= slowMs) return { ...work, ...slow(operation.phase, message), isHeldUp: true }
    return { ...work, reason: operation.phase, message, lookAgainMs: slowMs }
  }
  const sinceText = claim?.claim.at
  const base = {
    kind: 'updating' as const,
    ...(sinceText === undefined ? {} : { since: sinceText }),
  }
  const silentMs = Date.parse(sinceText ?? '') + PROXY_ANSWER_MS
  if (Number.isNaN(silentMs) || nowMs < silentMs) {
    const again = Number.isNaN(silentMs) ? {} : { lookAgainMs: silentMs }
    return {
      ...base,
      ...again,
      reason: 'Assigned',
      message: 'The proxy on the node has been asked to work.',
    }
  }
  const message =
    'The proxy on the node has said nothing so far. Check its upgrade-proxy pod; the proxy of another implementation says nothing until it is done.'
  return { ...base, reason: 'NoWordFromProxy', message }
}

function slow(phase: OperationPhase, sentence: string): { reason: string; message: string } {
  const minutes = PHASE_PATIENCE_MS / 60_000
  return {
    reason: 'TakesLong',
    message: `${sentence} The phase ${phase} has lasted more than ${minutes} minutes. Check that the node is Ready and its upgrade-proxy pod runs; the OSInstance tells how far it is.`,
  }
}

/** A record is kept after its end; then it says nothing of the present work. */
function isOf(operation: OperationRecord, claim: ClaimState | undefined): boolean {
  return claim === undefined ? operation.endedAt === undefined : operation.id === claim.claim.id
}

/** Code and sentence of what the node cannot get past (decision 13), for example `DrainBlocked`. */
function troubleOf(
  instance: InstanceFacts | undefined,
): { reason: string; message: string } | undefined {
  const { lastError } = instance ?? {}
  if (lastError === undefined) return undefined
  const [, code = 'CannotGoOn', message = lastError] =
    /^\[[a-z]+\/([a-z0-9-]+)\] (.*)$/s.exec(lastError) ?? []
  const reason = code.replace(/(?:^|-)([a-zA-Z0-9])/g, (_, first: string) => first.toUpperCase())
  return { reason: /^[A-Z]/.test(reason) ? reason : `Error${reason}`, message }
}

/**
 * Progress in bytes would change the status each second, so only what holds up a drain is quoted.
 */
function workSentence(instance: InstanceFacts | undefined, phase: OperationPhase): string {
  const quoted = phase === 'Draining' ? instance?.message : undefined
  return quoted ?? PHASE_SENTENCES[phase] ?? ''
}

function missingInstance(): Standing {
  const message =
    'The node has no OSInstance, so no proxy works on it. Check that the upgrade-proxy pod runs there.'
  return { kind: 'waiting', reason: 'NoOSInstance', message }
}

function denied(
  os: OsFacts,
  denial: { reason: 'ImageFailedHere' | 'Skipped'; why: string; at: string },
): Standing {
  const remedy =
    denial.reason === 'Skipped'
      ? 'It is left out until the OS object asks for something else.'
      : `It is not tried there again. Ask for another image, or allow one more trial: kubectl os allow ${os.name} -n ${os.namespace}.`
  return {
    kind: denial.reason === 'Skipped' ? 'waiting' : 'failed',
    reason: denial.reason,
    message: `${denial.why}. ${remedy}`,
    since: denial.at,
  }
}

function startable(os: OsFacts, instance: InstanceFacts, nowMs: number): Standing {
  const believedMs = believedUntilMs(os, instance)
  if (believedMs !== undefined && nowMs < believedMs)
    return {
      kind: 'waiting',
      reason: 'VersionNotReported',
      message: 'The proxy reported success; the kubelet has yet to report the new version.',
      lookAgainMs: believedMs,
    }
  const { hold } = instance
  if (hold !== undefined && hold.osUid === os.uid && hold.osGeneration === os.generation)
    return {
      kind: 'waiting',
      reason: 'ManualHold',
      message: `A person booted ${hold.version} by hand; that is respected until the OS object changes.`,
      since: hold.at,
    }
  if (!isFree(instance)) return taken(instance)
  return {
    kind: 'candidate',
    reason: 'WaitingForTurn',
    message: 'It starts when a place within the cap is free.',
  }
}

function taken(instance: InstanceFacts): Standing {
  const owner = instance.owner === undefined ? 'nobody' : instance.owner
  return {
    kind: 'waiting',
    reason: 'InstanceNotFree',
    message: `Its OSInstance is ${JSON.stringify(instance.nodeStatus)} and owned by ${owner}; it starts once that is over.`,
  }
}
