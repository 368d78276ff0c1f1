// From Armed to the outcome: activate, reboot, trial, verdict. Once here the OS object is not asked
// any more (accident A13); what the node became decides. Silence never becomes a verdict of failure
// (I6 of ARCHITECTURE), and `upgrade` is never sent again to an agent that may already run the new
// slot.
import type { TrialVerdict } from '@kubenest/api/agent/rpc'
import type { OperationRecord } from '@kubenest/api/os/records'
import type { Facts, Subject } from './facts.ts'
import { attempt, end, waitForAgent } from './end-operation.ts'
import { findManualRollback, manualVerdict } from './find-manual-rollback.ts'
import { inPhase, phaseStartMs } from './operation-record.ts'
import { failureOf } from './retry-or.ts'
import type { Step } from './step.ts'
import { bootIdOf, osImageOf } from './subject.ts'

/** After this long without a new boot id, the request to reboot is taken for lost and repeated. */
export const REBOOT_EXPECTED_MS = 300_000
/** An agent that was asked and is neither arming nor armed by then has lost the request. */
export const REQUEST_LOST_MS = 10_000
/** Decision 10: without the agent's word, the old system this long after a reboot is a failure. */
export const OLD_SYSTEM_MS = 300_000
const TRIAL_LOOK_MS = 2000
const RECHECK_MS = 5000

type Armed = Subject & { readonly operation: OperationRecord }

/** The next step of an armed operation. */
export function nextArmedStep(facts: Facts, armed: Armed, nowMs: number): Step {
  const { agent } = facts
  const { node, operation } = armed
  if (agent.state === 'unknown') return waitForAgent(agent.message, nowMs)
  if (agent.state === 'described') {
    const { trial, bootId } = agent.status
    if (trial?.operationId === operation.id && bootId !== operation.bootId) {
      return followTrial(facts, armed, trial, nowMs)
    }
    if (bootId === operation.bootId) return activate(facts, operation, nowMs)
    if (operation.phase === 'Armed' && agent.status.osVersion !== operation.image.version)
      return beginAgain(operation, nowMs)
  } else if (bootIdOf(node) === operation.bootId) {
    return activate(facts, operation, nowMs)
  }
  return followNode(armed, nowMs)
}

/**
 * The machine was rebooted by something else between record and request, or it was
 * replaced: its agent knows every trial, and not this one. Nothing was tried, nothing failed.
 */
function beginAgain(operation: OperationRecord, nowMs: number): Step {
  const { bootId: _, ...rest } = operation
  return { do: 'record', operation: inPhase(rest, 'Configuring', nowMs) }
}

/** The reboot has not happened: ask for it, unless that was just done. */
function activate(facts: Facts, operation: OperationRecord, nowMs: number): Step {
  const { agent, task } = facts
  if (operation.phase === 'Trial') {
    const message = 'The node is being seen in its new boot'
    return { do: 'wait', reason: 'Rebooting', message, untilMs: nowMs + RECHECK_MS }
  }
  if (failureOf(facts, { step: 'activate', operationId: operation.id }) !== undefined) {
    return attempt(facts, 'activate', operation, nowMs) ?? { do: 'activate', operation }
  }
  const asked = task?.kind === 'activate' && task.operationId === operation.id ? task : undefined
  if (asked?.state === 'running') return rebooting(nowMs + RECHECK_MS)
  const askedMs = asked?.startedMs ?? phaseStartMs(operation, nowMs)
  // After a restart of ours nobody remembers the call. Upstream's agent would flip the slots back
  // if it were told twice, so it gets the time in which the kubelet reports a reboot.
  const mayHaveArmed = agent.state !== 'described' || isArming(agent.status.operation?.phase)
  const repeatMs = askedMs + (mayHaveArmed ? REBOOT_EXPECTED_MS : REQUEST_LOST_MS)
  if ((asked !== undefined || mayHaveArmed) && nowMs < repeatMs) {
    return rebooting(Math.min(nowMs + RECHECK_MS, repeatMs))
  }
  return { do: 'activate', operation }
}

function rebooting(untilMs: number): Step {
  const message = 'The node was told to reboot'
  return { do: 'wait', reason: 'Rebooting', message, untilMs, keeps: 'activate' }
}

function isArming(phase: string | undefined): boolean {
  return phase === 'Arming' || phase === 'Armed'
}

interface Trial {
  readonly verdict: TrialVerdict
  readonly reasons: readonly string[]
}

/** The agent knows this trial: its journal is the truth. */
function followTrial(facts: Facts, armed: Armed, trial: Trial, nowMs: number): Step {
  const { node, operation } = armed
  switch (trial.verdict) {
    case 'InTrial':
      return operation.phase === 'Trial'
        ? { do: 'watchTrial', operation, untilMs: nowMs + TRIAL_LOOK_MS }
        : { do: 'record', operation: inPhase(operation, 'Trial', nowMs) }
    case 'Committed':
      return osImageOf(node) === operation.image.version
        ? { do: 'record', operation: inPhase(operation, 'Finishing', nowMs) }
        : waitForNode(nowMs)
    case 'TrialNotReached':
    case 'TrialInterrupted':
    case 'TrialUnhealthy':
      return end(operation, 'FellBack', {
        reason: trial.verdict,
        message: `The trial of "${operation.image.version}" did not pass and the node returned to its old slot: ${trial.reasons.join('; ') || 'no reason given'}`,
        nowMs,
      })
    case 'ManualRollback':
      return leaveByHand(facts, armed, nowMs)
    case 'UnexpectedSlot':
      return end(operation, 'Failed', {
        reason: 'UnexpectedSlot',
        message: `The node runs from a slot that the agent does not know: ${trial.reasons.join('; ') || 'look at the node'}`,
        nowMs,
      })
  }
}

/** Decision 22: a person's choice of another slot is no failure, and it stands. */
function leaveByHand(facts: Facts, { instance, operation }: Armed, nowMs: number): Step {
  const verdict = manualVerdict(operation, nowMs)
  const finishing = inPhase(operation, 'Finishing', nowMs)
  const hold =
    facts.os.state === 'present'
      ? findManualRollback(facts, instance, facts.os.os, nowMs)
      : undefined
  return hold === undefined
    ? { do: 'record', operation: finishing, verdict }
    : { do: 'hold', hold, operation: finishing, verdict }
}

/**
 * No word of this trial: upstream's agent, or an image with another one. The node's own report
 * decides.
 */
function followNode(armed: Armed, nowMs: number): Step {
  const { node, operation } = armed
  if (bootIdOf(node) === operation.bootId) return waitForNode(nowMs)
  if (osImageOf(node) === operation.image.version) {
    return { do: 'record', operation: inPhase(operation, 'Finishing', nowMs) }
  }
  if (operation.phase !== 'Trial') {
    return { do: 'record', operation: inPhase(operation, 'Trial', nowMs) }
  }
  const untilMs = phaseStartMs(operation, nowMs) + OLD_SYSTEM_MS
  if (nowMs < untilMs) {
    const message = `The node rebooted and still runs "${osImageOf(node)}"`
    return { do: 'wait', reason: 'OldSystem', message, untilMs }
  }
  return end(operation, 'Failed', {
    reason: 'RebootedToOldSystem',
    message: `The node rebooted, but runs "${osImageOf(node)}" instead of "${operation.image.version}"`,
    nowMs,
  })
}

function waitForNode(nowMs: number): Step {
  const message = 'The kubelet has not reported the new system yet'
  return { do: 'wait', reason: 'NodeNotReported', message, untilMs: nowMs + RECHECK_MS }
}
