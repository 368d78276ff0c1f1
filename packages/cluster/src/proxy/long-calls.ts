// Calls that last: configure, prepare, drain, activate. One at a time, beside the reconcile loop,
// so that a changed or deleted OS object is noticed while one runs. What they leave is memory;
// phases are written by steps.
import type { Clock } from '@kubenest/base/clock'
import { toOsError } from '@kubenest/base/errors'
import type { Logger } from '@kubenest/base/log'
import type { TaskKind } from './facts.ts'
import { countFailure, type Memory } from './memory.ts'
import type { Step } from './step.ts'

/** What a long call may do besides ending. */
export interface LongCallContext {
  readonly signal: AbortSignal
  readonly say: (message: string) => void
}

export interface LongCalls {
  start(
    kind: TaskKind,
    operationId: string,
    body: (context: LongCallContext) => Promise<void>,
  ): void
  /** Ends a call that the step does not go on with; says which kind was ended. */
  abandonUnless(step: Step): TaskKind | undefined
  /** Resolves when no call runs. */
  settled(): Promise<void>
}

export interface LongCallOptions {
  readonly memory: Memory
  readonly clock: Clock
  readonly log: Logger
  /** Something happened: decide again. */
  readonly wake: () => void
}

export function createLongCalls(options: LongCallOptions): LongCalls {
  const { memory } = options
  let running: Promise<void> = Promise.resolve()
  return {
    start(kind, operationId, body) {
      const abort = new AbortController()
      const startedMs = options.clock.nowMs()
      memory.task = { kind, operationId, state: 'running', startedMs, abort }
      running = run(options, abort, body)
    },
    abandonUnless(step) {
      const { task } = memory
      if (task === undefined || task.kind === 'activate' || goesOn(step, task.kind))
        return undefined
      // What a finished call means is written by the very next record; until then it is remembered.
      const isMeaning = step.do === 'record' || step.do === 'recordApplied'
      if (isMeaning && task.state === 'done') return undefined
      memory.task = undefined
      task.abort.abort()
      return task.state === 'running' ? task.kind : undefined
    },
    settled: () => running,
  }
}

function goesOn(step: Step, kind: TaskKind): boolean {
  return step.do === 'wait' && step.keeps === kind
}

async function run(
  options: LongCallOptions,
  abort: AbortController,
  body: (context: LongCallContext) => Promise<void>,
): Promise<void> {
  const { memory } = options
  // A call that was abandoned has nothing to say any more.
  const own = () => (memory.task?.abort === abort ? memory.task : undefined)
  const say = (message: string) => {
    const task = own()
    if (task !== undefined) memory.task = { ...task, message }
  }
  try {
    await body({ signal: abort.signal, say })
    const task = own()
    if (task === undefined) return
    memory.task = { ...task, state: 'done' }
    if (memory.failure?.step === task.kind) memory.failure = undefined
  } catch (thrown) {
    const task = own()
    if (task === undefined) return
    const error = toOsError(thrown)
    const nowMs = options.clock.nowMs()
    memory.task = undefined
    memory.failure = countFailure(memory.failure, {
      step: task.kind,
      operationId: task.operationId,
      error,
      nowMs,
    })
    if (memory.failure.attempts === 1 && error.code !== 'busy') {
      options.log.warn('A step failed and will be repeated', {
        step: task.kind,
        error: error.message,
      })
    }
  }
  options.wake()
}
