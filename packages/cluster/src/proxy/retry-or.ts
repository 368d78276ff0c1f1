// A step that failed is not repeated before its time; meanwhile its error is what the node waits
// for.
import type { Facts, FailureFacts, FallibleStep } from './facts.ts'
import { nextTryMs, reasonOf } from './judge-failure.ts'
import type { Step } from './step.ts'

/** Which step of which operation is meant. */
export interface StepRef {
  readonly step: FallibleStep
  readonly operationId: string
}

/** The failure of exactly this step of this operation. */
export function failureOf(facts: Facts, ref: StepRef): FailureFacts | undefined {
  const { failure } = facts
  return failure?.step === ref.step && failure.operationId === ref.operationId ? failure : undefined
}

/** A wait while the step's last failure is too young; `undefined` when it may be tried. */
export function retryOr(facts: Facts, ref: StepRef, nowMs: number): Step | undefined {
  const failure = failureOf(facts, ref)
  if (failure === undefined || nextTryMs(failure) <= nowMs) return undefined
  // The clock was set back: a wait by the old one could take hours (A9).
  if (failure.lastMs > nowMs) return undefined
  return {
    do: 'wait',
    reason: reasonOf(failure.error.code),
    message: failure.error.message,
    untilMs: nextTryMs(failure),
  }
}
