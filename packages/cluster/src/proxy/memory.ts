// What one process of the proxy remembers. Nothing here is needed after a restart: every member
// only saves a repetition or delays it.
import type { OsError } from '@kubenest/base/errors'
import type { BlockerFacts, FailureFacts, FallibleStep, TaskFacts } from './facts.ts'

export interface Memory {
  task: (TaskFacts & { readonly abort: AbortController }) | undefined
  failure: FailureFacts | undefined
  blockers: BlockerFacts | undefined
  wasAssignedAtStart: boolean | undefined
  /** Resource version of the Node after which the OSInstance was read afresh. */
  freshFor: string | undefined
  /** Last report to the agent: its text and time. */
  report: { readonly text: string; readonly atMs: number } | undefined
  /** A reconcile that could not go on: which error, since when, how often. */
  stall: FailureFacts | undefined
}

export function createMemory(): Memory {
  return {
    task: undefined,
    failure: undefined,
    blockers: undefined,
    wasAssignedAtStart: undefined,
    freshFor: undefined,
    report: undefined,
    stall: undefined,
  }
}

/** Counts a failure; the same step of the same operation continues the run of failures. */
export function countFailure(
  before: FailureFacts | undefined,
  now: { step: FallibleStep; operationId: string; error: OsError; nowMs: number },
): FailureFacts {
  const { step, operationId, error, nowMs } = now
  const isSame = before?.step === step && before.operationId === operationId
  return {
    step,
    operationId,
    error,
    attempts: isSame ? before.attempts + 1 : 1,
    firstMs: isSame ? before.firstMs : nowMs,
    lastMs: nowMs,
  }
}
