// Row 12 in phases, up to the moment when the node is armed: prepare, look, cordon, drain. Nothing
// here disrupts anybody before everything that can fail early was tried (product rule 5).
import type { Os } from '@kubenest/api/os/os'
import type { OperationRecord } from '@kubenest/api/os/records'
import { OsError } from '@kubenest/base/errors'
import { drainPolicyOf, RECHECK_MS_MAX } from './drain-policy.ts'
import { attempt, end, waitForAgent } from './end-operation.ts'
import type { BlockerFacts, Facts, Subject } from './facts.ts'
import { findManualRollback, manualVerdict } from './find-manual-rollback.ts'
import { isOtherWork } from './next-finish-step.ts'
import { openOperation } from './open-operation.ts'
import {
  claimIdOf,
  findAttempt,
  findClaim,
  inPhase,
  phaseStartMs,
  timestamp,
  wantedImage,
} from './operation-record.ts'
import { failureOf, retryOr } from './retry-or.ts'
import type { Step } from './step.ts'
import { bootIdOf, isUnschedulable, mayUncordon } from './subject.ts'

type Assigned = Subject & { readonly os: Os; readonly operation: OperationRecord | undefined }
type Running = Subject & { readonly os: Os; readonly operation: OperationRecord }

const AGENT_REPEAT_MS = 2000

/** The next step of an upgrade or a rollback before it is armed. */
export function nextOperationStep(facts: Facts, assigned: Assigned, nowMs: number): Step {
  const { node, os, operation } = assigned
  if (os.spec?.opstype !== 'upgrade' && os.spec?.opstype !== 'rollback') return unknownOperation(os)
  if (operation === undefined) {
    return { do: 'record', operation: openOperation(facts, assigned, nowMs) }
  }
  const wanted = {
    image: wantedImage(os),
    type: os.spec.opstype,
    attempt: findAttempt(os, assigned.instance),
  }
  if (isOtherWork(operation, wanted)) {
    if (mayUncordon(node, operation)) return { do: 'uncordon' }
    return { do: 'record', operation: restart(operation, wanted, nowMs) }
  }
  const running = { ...assigned, operation }
  return holdByHand(facts, running, nowMs) ?? nextPhaseStep(facts, running, nowMs)
}

function nextPhaseStep(facts: Facts, running: Running, nowMs: number): Step {
  const { operation } = running
  switch (operation.phase) {
    case 'Configuring':
      return operation.type === 'rollback'
        ? checkPrevious(facts, running, nowMs)
        : { do: 'record', operation: inPhase(operation, 'Preparing', nowMs) }
    case 'Preparing':
      return prepare(facts, operation, nowMs)
    case 'SlotVerified':
      return beginDrain(facts, running, nowMs)
    case 'Draining':
      return drain(facts, running, nowMs)
    case 'Drained':
      if (holdsOtherImage(facts, operation))
        return { do: 'record', operation: inPhase(operation, 'Preparing', nowMs) }
      return isUnschedulable(running.node)
        ? { do: 'arm', operation, bootId: currentBootId(facts, running) }
        : drainAgain(operation, nowMs)
    case 'Armed':
    case 'Trial':
    case 'Finishing':
      return { do: 'arm', operation, bootId: currentBootId(facts, running) }
  }
}

/** The OS object was edited before Armed: begin again under the same claim. */
function restart(
  operation: OperationRecord,
  wanted: {
    image: OperationRecord['image']
    type: OperationRecord['type']
    attempt: string | undefined
  },
  nowMs: number,
): OperationRecord {
  return {
    id: operation.id,
    type: wanted.type,
    image: wanted.image,
    phase: 'Configuring',
    since: timestamp(nowMs),
    ...(wanted.attempt === undefined ? {} : { attempt: wanted.attempt }),
    ...(operation.adopted === true ? { adopted: true } : {}),
  }
}

/**
 * Decision 22: a person left exactly this image by hand; that stands until the OS object changes.
 */
function holdByHand(
  facts: Facts,
  { instance, os, operation }: Running,
  nowMs: number,
): Step | undefined {
  const hold = findManualRollback(facts, instance, os, nowMs)
  if (hold === undefined) return undefined
  const verdict = manualVerdict(operation, nowMs)
  const finishing = inPhase(operation, 'Finishing', nowMs)
  return { do: 'hold', hold, operation: finishing, verdict }
}

/** Decision 21: the other slot must hold what is asked for, before anybody is disturbed. */
function checkPrevious(facts: Facts, { os, operation }: Running, nowMs: number): Step {
  const wanted = os.spec?.osversion ?? ''
  if (facts.agent.state === 'unknown') return waitForAgent(facts.agent.message, nowMs)
  if (facts.agent.state === 'described') {
    const other = facts.agent.status.slots.find((slot) => !slot.booted)
    if (other?.version !== wanted) {
      return end(operation, 'Failed', {
        reason: 'NoPrevious',
        message: `[blocked/no-previous] Cannot roll back: the other slot holds "${other?.version ?? 'nothing known'}", spec.osversion is "${wanted}"; upgrade to the old image instead`,
        nowMs,
      })
    }
  }
  return { do: 'record', operation: inPhase(operation, 'SlotVerified', nowMs) }
}

function prepare(facts: Facts, operation: OperationRecord, nowMs: number): Step {
  const { task } = facts
  if (task?.kind === 'prepare' && task.operationId === operation.id) {
    return task.state === 'done'
      ? { do: 'record', operation: inPhase(operation, 'SlotVerified', nowMs) }
      : {
          do: 'wait',
          reason: 'Preparing',
          message: task.message ?? 'The agent writes the standby slot',
          untilMs: nowMs + AGENT_REPEAT_MS,
          keeps: 'prepare',
        }
  }
  return attempt(facts, 'prepare', operation, nowMs) ?? { do: 'prepare', operation }
}

/** SlotVerified: wait for the operator's drain, or look first and then begin our own. */
function beginDrain(facts: Facts, running: Running, nowMs: number): Step {
  const { instance, os, operation } = running
  if (findClaim(os, claimIdOf(instance))?.drain === 'operator') {
    return { do: 'rest', reason: 'WaitingForDrain', message: 'The operator drains this node' }
  }
  if (holdsOtherImage(facts, operation))
    return { do: 'record', operation: inPhase(operation, 'Preparing', nowMs) }
  const draining = { do: 'record', operation: inPhase(operation, 'Draining', nowMs) } as const
  const policy = drainPolicyOf(os)
  const lateFromMs = phaseStartMs(operation, nowMs) + policy.timeoutMs
  const isLate = nowMs >= lateFromMs
  const failed = retryOr(facts, { step: 'lookForBlockers', operationId: operation.id }, nowMs)
  if (failed !== undefined) return failed
  const stops = operation.drainStops ?? 0
  const look = lastLook(facts, running)
  if (look !== undefined && look.blockers.length === 0) return draining
  if (look !== undefined && isLate && policy.onTimeout === 'Force') {
    // The deadline has passed while looking: it is not waited for a second time.
    return { do: 'record', operation: { ...draining.operation, since: operation.since } }
  }
  if (look !== undefined && isLate && policy.onTimeout === 'Skip') {
    return skip(operation, look.blockers.join('; '), nowMs)
  }
  if (look === undefined || isDue(look, nowMs)) {
    return { do: 'lookForBlockers', operation, dryRun: stops > 0 }
  }
  const message = `Cannot drain: ${look.blockers.join('; ')}`
  const lateMs = policy.onTimeout === 'Stop' ? look.nextMs : lateFromMs
  return { do: 'wait', reason: 'DrainBlocked', message, untilMs: Math.min(look.nextMs, lateMs) }
}

/** What was seen before a stopped drain, or under another `evictpodforce`, no longer counts. */
function lastLook({ blockers }: Facts, { os, operation }: Running): BlockerFacts | undefined {
  const isOfNow =
    blockers?.operationId === operation.id &&
    blockers.stops === (operation.drainStops ?? 0) &&
    blockers.force === (os.spec?.evictpodforce ?? false)
  return isOfNow ? blockers : undefined
}

/** A clock that was set back must not keep a node waiting for hours (A9). */
function isDue(look: BlockerFacts, nowMs: number): boolean {
  return nowMs >= look.nextMs || look.nextMs > nowMs + RECHECK_MS_MAX
}

/** The machine was replaced, or somebody prepared another image: nobody is disturbed for that. */
function holdsOtherImage({ agent }: Facts, { type, image }: OperationRecord): boolean {
  if (type !== 'upgrade' || agent.state !== 'described') return false
  const other = agent.status.slots.find((slot) => !slot.booted)
  return other?.version !== undefined && other.version !== image.version
}

function drain(facts: Facts, running: Running, nowMs: number): Step {
  const { node, os, operation } = running
  const policy = drainPolicyOf(os)
  const deadlineMs = phaseStartMs(operation, nowMs) + policy.timeoutMs
  const task =
    facts.task?.kind === 'drain' && facts.task.operationId === operation.id ? facts.task : undefined
  if (task?.state === 'done' && isUnschedulable(node)) {
    return { do: 'record', operation: inPhase(operation, 'Drained', nowMs) }
  }
  if (nowMs >= deadlineMs) return atDrainDeadline(facts, running, nowMs)
  // Uncordoned by somebody while pods leave: a new drain begins with a new cordon.
  if (task?.state === 'running' && isUnschedulable(node)) {
    return {
      do: 'wait',
      reason: 'Draining',
      message: task.message ?? 'Pods are being evicted',
      untilMs: deadlineMs,
      keeps: 'drain',
    }
  }
  if (!isUnschedulable(node)) return { do: 'cordon', operation }
  const ref = { step: 'drain', operationId: operation.id } as const
  return retryOr(facts, ref, nowMs) ?? { do: 'drain', operation, deadlineMs }
}

/** Somebody took the cordon away after the drain, so pods may have come back (I17). */
function drainAgain(operation: OperationRecord, nowMs: number): Step {
  return { do: 'record', operation: inPhase(operation, 'Draining', nowMs) }
}

/** Decision 6. */
function atDrainDeadline(facts: Facts, { node, os, operation }: Running, nowMs: number): Step {
  const { onTimeout, timeoutMs } = drainPolicyOf(os)
  const why =
    facts.task?.message ??
    failureOf(facts, { step: 'drain', operationId: operation.id })?.error.message ??
    'pods are still there'
  if (onTimeout === 'Force') {
    return isUnschedulable(node)
      ? { do: 'record', operation: inPhase(operation, 'Drained', nowMs) }
      : { do: 'cordon', operation }
  }
  if (onTimeout === 'Skip') return skip(operation, `after ${timeoutMs / 1000} s ${why}`, nowMs)
  if (mayUncordon(node, operation)) return { do: 'uncordon' }
  const stopped = { ...operation, drainStops: (operation.drainStops ?? 0) + 1 }
  return { do: 'record', operation: inPhase(stopped, 'SlotVerified', nowMs) }
}

function skip(operation: OperationRecord, why: string, nowMs: number): Step {
  return end(operation, 'Skipped', {
    reason: 'DrainDeadline',
    message: `Skipped: the node could not be drained: ${why}`,
    nowMs,
  })
}

function currentBootId(facts: Facts, { node }: Subject): string {
  return facts.agent.state === 'described' ? facts.agent.status.bootId : bootIdOf(node)
}

function unknownOperation(os: Os): Step {
  return {
    do: 'fail',
    error: new OsError('invalid', {
      code: 'operation-unknown',
      message: `Cannot go on: spec.opstype is "${os.spec?.opstype ?? ''}"; use upgrade, rollback or config`,
    }),
  }
}
