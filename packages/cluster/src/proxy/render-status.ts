// The OSInstance's status: a mirror of annotations, the agent and the present step, for people and
// for
// `kubectl wait`. It names what waits, since when and what to do, and it is never read back
// (decision 3).
import type { AgentStatus } from '@kubenest/api/agent/rpc'
import type { SettingsStatus } from '@kubenest/api/agent/settings'
import type { Condition } from '@kubenest/api/core/objects'
import type { OsInstanceConditionType } from '@kubenest/api/os/conditions'
import type { OsInstance, OsInstanceStatus } from '@kubenest/api/os/os'
import type { OperationPhase, OperationRecord, Verdict } from '@kubenest/api/os/records'
import { setCondition } from '@kubenest/kube/controller/conditions'
import type { FailureFacts, Facts } from './facts.ts'
import { currentOperation, readOperation, readVerdict, timestamp } from './operation-record.ts'
import { reasonOf } from './judge-failure.ts'
import type { Step } from './step.ts'

/** The members that are mirrored; the two sets of settings are written when they are applied. */
export type MirroredStatus = Pick<
  OsInstanceStatus,
  'conditions' | 'slots' | 'operation' | 'agentVersion' | 'settings'
>

/** What the status is made of. */
export interface StatusFacts {
  readonly facts: Facts
  readonly step: Step
  /** A reconcile that cannot go on. */
  readonly stall: FailureFacts | undefined
}

/** Waits that belong to an operation that goes well. */
const ORDINARY: ReadonlySet<string> = new Set([
  'Configuring',
  'Preparing',
  'Busy',
  'Draining',
  'Rebooting',
  'OsLoading',
  'NodeNotReported',
  'WaitingForLabel',
  'WaitingForDrain',
])

const PHASES: readonly OperationPhase[] = [
  'Configuring',
  'Preparing',
  'SlotVerified',
  'Draining',
  'Drained',
  'Armed',
  'Trial',
  'Finishing',
]

/** What the status should say now; conditions keep the time of their last change. */
export function renderStatus(
  { facts, step, stall }: StatusFacts,
  instance: OsInstance,
  nowMs: number,
): MirroredStatus {
  const agent = facts.agent.state === 'described' ? facts.agent.status : undefined
  const operation = renderOperation({ facts, step, stall }, instance, agent)
  return {
    conditions: renderConditions({ facts, step, stall }, instance, nowMs),
    ...(agent === undefined ? {} : { slots: renderSlots(agent), agentVersion: agent.agentVersion }),
    ...(operation === undefined ? {} : { operation }),
    ...(agent?.settings === undefined ? {} : { settings: renderSettings(agent.settings) }),
  }
}

function renderSlots(agent: AgentStatus): NonNullable<OsInstanceStatus['slots']> {
  return agent.slots.map(({ name, version, digest, state, tries, booted }) => ({
    name,
    ...(version === undefined ? {} : { version }),
    ...(digest === undefined ? {} : { digest }),
    state,
    tries,
    booted,
  }))
}

/** What waits for a restart, and what somebody changed since; contents stay on the node. */
function renderSettings(settings: SettingsStatus): NonNullable<OsInstanceStatus['settings']> {
  const { changedAt, waiting, drift, driftCount } = settings
  return { changedAt, waiting, drift, driftCount }
}

function renderOperation(
  { facts, step, stall }: StatusFacts,
  instance: OsInstance,
  agent: AgentStatus | undefined,
): OsInstanceStatus['operation'] {
  const operation = currentOperation(instance)
  if (operation === undefined) return renderEnded(instance)
  const work = agent?.operation
  const isSameWork = work?.running === true && work.id === operation.id
  const lastError = renderError(facts.failure ?? stall, step)
  const message = messageOf(step, facts) ?? (isSameWork ? work.message : undefined)
  return {
    id: operation.id,
    type: operation.type,
    phase: operation.phase,
    since: operation.since,
    ...(isSameWork && work.bytesDone !== undefined ? { bytesDone: work.bytesDone } : {}),
    ...(isSameWork && work.bytesTotal !== undefined ? { bytesTotal: work.bytesTotal } : {}),
    ...(isSameWork ? { attempt: work.attempt } : {}),
    ...(message === undefined ? {} : { message }),
    ...(lastError === undefined ? {} : { lastError }),
  }
}

/** The last operation stays visible until the next one. */
function renderEnded(instance: OsInstance): OsInstanceStatus['operation'] {
  const verdict = readVerdict(instance)
  const record = readOperation(instance)
  if (verdict === undefined || record?.id !== verdict.id) return undefined
  return {
    id: verdict.id,
    type: verdict.operation,
    phase: verdict.outcome,
    since: verdict.at,
    message: verdict.message,
  }
}

function renderConditions(status: StatusFacts, instance: OsInstance, nowMs: number): Condition[] {
  const operation = currentOperation(instance)
  const verdict = readVerdict(instance)
  const wanted: NamedCondition[] = [renderDegraded(status)]
  if (operation !== undefined || verdict !== undefined) {
    wanted.push(
      stage(operation, {
        type: 'SlotVerified',
        from: 'SlotVerified',
        is: 'The standby slot is written and verified',
      }),
      stage(operation, { type: 'Drained', from: 'Drained', is: 'No pod is left that has to go' }),
      stage(operation, {
        type: 'Armed',
        from: 'Armed',
        is: 'The next boot is the trial of the new slot',
      }),
      ...renderTrial(operation, verdict, trialMessage(status.facts)),
    )
  }
  let conditions = (instance.status?.conditions ?? []) as readonly Condition[]
  for (const condition of wanted) {
    conditions = setCondition(conditions, condition, timestamp(nowMs))
  }
  return [...conditions]
}

interface NamedCondition extends Omit<Condition, 'lastTransitionTime'> {
  readonly type: OsInstanceConditionType
}

/** True from one phase on until the trial is over. */
function stage(
  operation: OperationRecord | undefined,
  { type, from, is }: { type: OsInstanceConditionType; from: OperationPhase; is: string },
): NamedCondition {
  const at = operation === undefined ? -1 : PHASES.indexOf(operation.phase)
  const isTrue = at >= PHASES.indexOf(from) && at <= PHASES.indexOf('Trial')
  return isTrue
    ? { type, status: 'True', reason: operation?.phase ?? type, message: is }
    : {
        type,
        status: 'False',
        reason: operation?.phase ?? 'Idle',
        message: operation === undefined ? 'No operation is under way' : `Phase ${operation.phase}`,
      }
}

/** With what the node's own gate waits for, from an agent that tells it. */
function trialMessage({ agent }: Facts): string {
  const trial = agent.state === 'described' ? agent.status.trial : undefined
  const waitsFor = trial?.verdict === 'InTrial' ? trial.reasons : []
  return ['The new slot runs on trial; the node itself decides', ...waitsFor].join('; ')
}

function renderTrial(
  operation: OperationRecord | undefined,
  verdict: Verdict | undefined,
  trial: string,
): NamedCondition[] {
  if (operation?.phase === 'Trial')
    return [{ type: 'TrialPassed', status: 'Unknown', reason: 'InTrial', message: trial }]
  if (verdict === undefined || verdict.operation === 'config') return []
  const { outcome, reason, message } = verdict
  const fellBack = outcome === 'FellBack'
  return [
    ...(outcome === 'Succeeded' || fellBack
      ? [{ type: 'TrialPassed', status: fellBack ? 'False' : 'True', reason, message } as const]
      : []),
    fellBack
      ? { type: 'FellBack', status: 'True', reason, message }
      : {
          type: 'FellBack',
          status: 'False',
          reason: outcome,
          message: 'The last operation did not fall back',
        },
  ]
}

function renderDegraded({ facts, step, stall }: StatusFacts): NamedCondition {
  const type = 'Degraded'
  if (stall !== undefined) {
    const { code, message } = stall.error
    return { type, status: 'True', reason: reasonOf(code), message }
  }
  const waiting = waitOf(step)
  if (waiting !== undefined && !ORDINARY.has(waiting.reason)) {
    return { type, status: 'True', ...waiting }
  }
  if (facts.agent.state === 'unknown') {
    return { type, status: 'True', reason: 'AgentUnreachable', message: facts.agent.message }
  }
  const agent = facts.agent.state === 'described' ? facts.agent.status : undefined
  const [first, ...others] = agent?.degraded ?? []
  if (first !== undefined) {
    const message = [first, ...others].map((entry) => entry.message).join('; ')
    return { type, status: 'True', reason: first.reason, message }
  }
  const drifted = driftSentence(agent?.settings)
  if (drifted !== undefined)
    return { type, status: 'True', reason: 'SettingsDrift', message: drifted }
  return { type, status: 'False', reason: 'AsExpected', message: 'Nothing is wrong' }
}

function driftSentence(settings: SettingsStatus | undefined): string | undefined {
  const [first] = settings?.drift ?? []
  const count = settings?.driftCount ?? 0
  if (first === undefined || count === 0) return undefined
  const more = count === 1 ? '' : ` (and ${count - 1} more, see status.settings.drift)`
  return `A setting is no longer as it was applied: ${first.message}${more}. Apply the wanted settings under a new sysconfigs.version`
}

function waitOf(step: Step): { reason: string; message: string } | undefined {
  if (step.do === 'wait') return { reason: step.reason, message: step.message }
  if (step.do === 'fail') return { reason: reasonOf(step.error.code), message: step.error.message }
  if (step.do !== 'rest' || step.reason === undefined) return undefined
  return { reason: step.reason, message: step.message ?? step.reason }
}

function messageOf(step: Step, facts: Facts): string | undefined {
  return step.do === 'watchTrial' ? trialMessage(facts) : waitOf(step)?.message
}

/** An error, or what blocks: the operator quotes it on the OS object. */
function renderError(failure: FailureFacts | undefined, step: Step): string | undefined {
  // Another call of ours is still running there: it passes by itself.
  if (failure !== undefined && failure.error.code !== 'busy') {
    const { kind, code, message } = failure.error
    return `[${kind}/${code}] ${message}`
  }
  return step.do === 'wait' && step.reason === 'DrainBlocked'
    ? `[blocked/drain-blocked] ${step.message}`
    : undefined
}
