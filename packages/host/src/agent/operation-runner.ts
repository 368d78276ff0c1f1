// One method body at a time (contract 4.2): a second one is refused at once, never queued, because
// the proxy repeats by itself. An operation belongs to the agent, not to the client that asked for
// it.
import type { AgentPhase } from '@kubenest/api/agent/rpc'
import { OsError, toOsError } from '@kubenest/base/errors'
import type { Logger } from '@kubenest/base/log'
import type { OperationLog, OperationStart } from './operation-log.ts'

/** How a body ends well. */
export interface OperationEnd {
  readonly phase: AgentPhase
  readonly message: string
}

/** Runs operations one at a time. */
export interface OperationRunner {
  /** Runs `body` alone; throws `[blocked/busy]` while another one holds the agent. */
  run(start: OperationStart, body: (signal: AbortSignal) => Promise<OperationEnd>): Promise<void>
  /**
   * Keeps the agent taken after a body has ended, until `release`: between an armed slot and the
   * reboot.
   */
  hold(): () => void
  isBusy(): boolean
  /**
   * Aborts the running operation when it is a prepare, and waits for its end; throws when it cannot
   * be undone.
   */
  cancel(): Promise<void>
  /** Aborts whatever can be aborted and waits for it, for the end of the program. */
  stop(): Promise<void>
}

/** Makes a runner that writes to `log` what `status` tells. */
export function createOperationRunner(operations: OperationLog, log: Logger): OperationRunner {
  let current: { start: OperationStart; abort: AbortController; done: Promise<void> } | undefined
  let held = false

  async function run(
    start: OperationStart,
    body: (signal: AbortSignal) => Promise<OperationEnd>,
  ): Promise<void> {
    if (current !== undefined || held) throw busy(start, operations)
    const abort = new AbortController()
    const done = Promise.withResolvers<void>()
    current = { start, abort, done: done.promise }
    operations.start(start)
    log.info('operation started', { type: start.type, operation: start.id })
    try {
      const end = await body(abort.signal)
      operations.succeed(end.phase, end.message)
      log.info('operation finished', { type: start.type, operation: start.id, phase: end.phase })
    } catch (error) {
      const failure = cancelledOr(toOsError(error), abort.signal)
      operations.fail(failure)
      logFailure(log, start, failure)
      throw failure
    } finally {
      current = undefined
      done.resolve()
    }
  }

  async function cancel(): Promise<void> {
    if (held || (current !== undefined && current.start.type !== 'prepare'))
      throw new OsError('blocked', {
        code: 'not-cancellable',
        message:
          'Cannot cancel: the agent is past the point of no return; use rollback after the reboot',
      })
    current?.abort.abort()
    await current?.done
  }

  return {
    run,
    hold() {
      held = true
      return () => {
        held = false
      }
    },
    isBusy: () => current !== undefined || held,
    cancel,
    async stop() {
      current?.abort.abort()
      await current?.done
    },
  }
}

function busy(start: OperationStart, operations: OperationLog): OsError {
  const running = operations.view()
  const what = running === undefined ? 'another request' : `${running.type} since ${running.since}`
  return new OsError('blocked', {
    code: 'busy',
    message: `Cannot start ${start.type}: the agent is busy with ${what}; repeat when it has ended`,
  })
}

function cancelledOr(error: OsError, signal: AbortSignal): OsError {
  if (!signal.aborted || error.code === 'cancelled') return error
  const message = 'Cannot finish the preparation: it was cancelled'
  return new OsError('blocked', { code: 'cancelled', message, cause: error })
}

function logFailure(log: Logger, start: OperationStart, failure: OsError): void {
  const level = failure.kind === 'invalid' || failure.kind === 'blocked' ? 'info' : 'error'
  log.log(level, 'operation failed', {
    type: start.type,
    operation: start.id,
    kind: failure.kind,
    code: failure.code,
    reason: failure.message,
  })
}
