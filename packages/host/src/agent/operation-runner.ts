// One method body at a time (contract 4.2): a second one is refused at once, never queued, because
// the proxy repeats by itself. The same operation asked for again is joined (A17): its caller was
// restarted and gets the outcome of the one that runs. An operation belongs to the agent, not to
// the client that asked for it.
import type { AgentPhase } from '@kubenest/api/agent/rpc'
import { OsError, toOsError } from '@kubenest/base/errors'
import type { Logger } from '@kubenest/base/log'
import type { AcceptedOperation, Audit } from './audit.ts'
import type { OperationLog, OperationStart } from './operation-log.ts'
import type { Caller } from './rpc/caller.ts'

/** Further callers that may wait for one operation: each holds one of few connections. */
export const JOINED_MAX = 4

/** How a body ends well. */
export interface OperationEnd {
  readonly phase: AgentPhase
  readonly message: string
}

/** An operation, with who asked for it. The same id, type and digest is the same operation. */
export interface OperationRequest extends OperationStart, Pick<AcceptedOperation, 'version'> {
  readonly digest?: string
  readonly caller: Caller
}

/** What became of a request: its body ran, or it was the one that runs or has armed a slot. */
export type RunOutcome = 'ran' | 'joined'

/** Runs operations one at a time. */
export interface OperationRunner {
  /** Runs `body` alone, or joins; throws `[blocked/busy]` while another one holds the agent. */
  run(
    request: OperationRequest,
    body: (signal: AbortSignal) => Promise<OperationEnd>,
  ): Promise<RunOutcome>
  /**
   * Keeps the agent taken by the running operation after its body has ended, until `release`:
   * between an armed slot and the reboot.
   */
  hold(): () => void
  isBusy(): boolean
  /**
   * Aborts the running operation when it is a prepare, and waits for its end; throws when it cannot
   * be undone.
   */
  cancel(caller: Caller): Promise<void>
  /** Aborts whatever can be aborted and waits for it, for the end of the program. */
  stop(): Promise<void>
}

/** What a runner writes to. */
export interface RunnerDeps {
  readonly operations: OperationLog
  readonly log: Logger
  readonly audit: Audit
}

interface Running {
  readonly request: OperationRequest
  readonly abort: AbortController
  /** Settles as the body does. */
  readonly outcome: Promise<void>
  joined: number
}

/** Makes a runner that writes to `operations` what `status` tells. */
export function createOperationRunner(deps: RunnerDeps): OperationRunner {
  const { operations, log, audit } = deps
  let current: Running | undefined
  let held: OperationRequest | undefined

  async function run(
    request: OperationRequest,
    body: (signal: AbortSignal) => Promise<OperationEnd>,
  ): Promise<RunOutcome> {
    if (current === undefined && held === undefined) {
      await start(request, body)
      return 'ran'
    }
    if (held !== undefined && isSame(held, request)) return 'joined'
    if (current === undefined || !isSame(current.request, request) || current.joined >= JOINED_MAX)
      throw busy(request, operations)
    log.info('operation joined', { operation: request.id, pid: request.caller.pid })
    await join(current)
    return 'joined'
  }

  function start(
    request: OperationRequest,
    body: (signal: AbortSignal) => Promise<OperationEnd>,
  ): Promise<void> {
    const abort = new AbortController()
    audit.accepted(request.caller, request)
    operations.start(request)
    const outcome = bodyToEnd(deps, request, abort.signal, body).finally(() => {
      current = undefined
    })
    current = { request, abort, outcome, joined: 0 }
    return outcome
  }

  async function cancel(caller: Caller): Promise<void> {
    if (held !== undefined || (current !== undefined && current.request.type !== 'prepare'))
      throw new OsError('blocked', {
        code: 'not-cancellable',
        message:
          'Cannot cancel: the agent is past the point of no return; use rollback after the reboot',
      })
    if (current === undefined) return
    audit.accepted(caller, { type: 'cancel', id: current.request.id })
    await abortAndWait(current)
  }

  return {
    run,
    hold() {
      held = current?.request
      return () => {
        held = undefined
      }
    },
    isBusy: () => current !== undefined || held !== undefined,
    cancel,
    stop: async () => {
      if (current !== undefined) await abortAndWait(current)
    },
  }
}

async function bodyToEnd(
  { operations, log }: RunnerDeps,
  request: OperationRequest,
  signal: AbortSignal,
  body: (signal: AbortSignal) => Promise<OperationEnd>,
): Promise<void> {
  const { type, id } = request
  try {
    const end = await body(signal)
    operations.succeed(end.phase, end.message)
    log.info('operation finished', { type, operation: id, phase: end.phase })
  } catch (error) {
    const failure = cancelledOr(toOsError(error), signal)
    operations.fail(failure)
    logFailure(log, request, failure)
    throw failure
  }
}

async function join(running: Running): Promise<void> {
  running.joined += 1
  try {
    await running.outcome
  } finally {
    running.joined -= 1
  }
}

async function abortAndWait({ abort, outcome }: Running): Promise<void> {
  abort.abort()
  await outcome.catch(() => {
    // Told to those who asked for the operation.
  })
}

function isSame(running: OperationRequest, asked: OperationRequest): boolean {
  return running.id === asked.id && running.type === asked.type && running.digest === asked.digest
}

function busy(request: OperationRequest, operations: OperationLog): OsError {
  const running = operations.view()
  const what =
    running === undefined
      ? 'another request'
      : `${running.type} (${running.phase}) since ${running.since}`
  return new OsError('blocked', {
    code: 'busy',
    message: `Cannot start ${request.type}: the agent is busy with ${what}; repeat when it has ended`,
  })
}

function cancelledOr(error: OsError, signal: AbortSignal): OsError {
  if (!signal.aborted || error.code === 'cancelled') return error
  const message = 'Cannot finish the preparation: it was cancelled'
  return new OsError('blocked', { code: 'cancelled', message, cause: error })
}

function logFailure(log: Logger, { type, id }: OperationRequest, failure: OsError): void {
  const level = failure.kind === 'invalid' || failure.kind === 'blocked' ? 'info' : 'error'
  log.log(level, 'operation failed', {
    type,
    operation: id,
    kind: failure.kind,
    code: failure.code,
    reason: failure.message,
  })
}
