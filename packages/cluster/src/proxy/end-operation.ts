// How a step that cannot be done ends: another try, or a durable verdict before anything is
// cleared.
import type { OperationRecord, VerdictOutcome } from '@kubenest/api/os/records'
import type { Facts, FallibleStep } from './facts.ts'
import { isFinal, reasonOf } from './judge-failure.ts'
import { inPhase, verdictOn } from './operation-record.ts'
import { failureOf, retryOr } from './retry-or.ts'
import type { Step } from './step.ts'

const AGENT_REPEAT_MS = 2000

/** A failed call is repeated, or ends the operation; `undefined` when it may be tried now. */
export function attempt(
  facts: Facts,
  step: FallibleStep,
  operation: OperationRecord,
  nowMs: number,
): Step | undefined {
  const failure = failureOf(facts, { step, operationId: operation.id })
  if (failure !== undefined && isFinal(failure)) {
    return end(operation, 'Failed', {
      reason: reasonOf(failure.error.code),
      message: failure.error.message,
      nowMs,
    })
  }
  return retryOr(facts, { step, operationId: operation.id }, nowMs)
}

/** The verdict is durable before anything is cleared. */
export function end(
  operation: OperationRecord,
  outcome: VerdictOutcome,
  detail: { reason: string; message: string; nowMs: number },
): Step {
  const verdict = verdictOn(operation, outcome, detail)
  return { do: 'record', operation: inPhase(operation, 'Finishing', detail.nowMs), verdict }
}

/** The agent does not answer: nothing can be decided without it. */
export function waitForAgent(message: string, nowMs: number): Step {
  return { do: 'wait', reason: 'AgentUnreachable', message, untilMs: nowMs + AGENT_REPEAT_MS }
}
