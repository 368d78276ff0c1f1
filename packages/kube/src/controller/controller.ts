// The loop around a reconcile function: it gets a key, never an event, reads the world, moves it
// one step, and says when to look again. Errors are treated by their kind (house style 3.6).
import type { Clock } from '@kubenest/base/clock'
import { type OsError, toOsError } from '@kubenest/base/errors'
import type { Logger } from '@kubenest/base/log'
import { type WorkQueue, type WorkQueueOptions, createWorkQueue } from '../workqueue/work-queue.ts'

const BLOCKED_RETRY_MS = 30_000

/** What a reconcile found out. */
export interface ReconcileResult {
  /** Look at this key again after this time, milliseconds; absent: when something changes. */
  readonly requeueAfterMs?: number
}

export interface ControllerOptions {
  readonly name: string
  readonly clock: Clock
  readonly log: Logger
  /** Idempotent; called for one key at most once at a time. */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileResult>
  /** Keys worked on at once. @defaultValue 1 */
  readonly workers?: number
  /** Back-off of failing keys. */
  readonly queue?: Omit<WorkQueueOptions, 'clock'>
}

/** See {@link createController}. */
export interface Controller {
  readonly queue: WorkQueue
  /**
   * Works until the signal, then waits for the reconciles under way. Call once.
   *
   * @throws {OsError} kind `bug` from a reconcile: the program is to end and be restarted.
   */
  run(signal: AbortSignal): Promise<void>
}

/** Makes a controller; keys put into its queue before `run` are kept. */
export function createController(options: ControllerOptions): Controller {
  const queue = createWorkQueue({ ...options.queue, clock: options.clock })
  return { queue, run: (signal) => run(options, queue, signal) }
}

async function run(
  options: ControllerOptions,
  queue: WorkQueue,
  signal: AbortSignal,
): Promise<void> {
  const stop = new AbortController()
  const all = AbortSignal.any([signal, stop.signal])
  all.addEventListener('abort', () => queue.shutdown(), { once: true })
  if (all.aborted) queue.shutdown()
  const workers = Array.from({ length: options.workers ?? 1 }, async () => {
    try {
      await work(options, queue, all)
    } catch (error) {
      stop.abort(error)
      throw error
    }
  })
  const ends = await Promise.allSettled(workers)
  for (const end of ends) if (end.status === 'rejected') throw toOsError(end.reason)
}

async function work(
  options: ControllerOptions,
  queue: WorkQueue,
  signal: AbortSignal,
): Promise<void> {
  for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
    try {
      const { requeueAfterMs } = await options.reconcile(key, signal)
      queue.forget(key)
      if (requeueAfterMs !== undefined) queue.addAfter(key, requeueAfterMs)
    } catch (error) {
      if (signal.aborted) return
      treat(options, queue, key, toOsError(error))
    } finally {
      queue.done(key)
    }
  }
}

/** Decides what a failed reconcile leads to; throws what must end the program. */
function treat(options: ControllerOptions, queue: WorkQueue, key: string, error: OsError): void {
  const fields = { controller: options.name, key, code: error.code, error: error.message }
  const isFirst = queue.failures(key) === 0
  switch (error.kind) {
    case 'invalid':
      queue.forget(key)
      options.log.info('Cannot reconcile until the object changes', fields)
      return
    case 'integrity':
      queue.forget(key)
      options.log.error('Cannot reconcile: content is not what was promised', fields)
      return
    case 'blocked':
      queue.forget(key)
      options.log.info('Cannot reconcile now', fields)
      queue.addAfter(key, error.retryAfterMs ?? BLOCKED_RETRY_MS)
      return
    case 'transient':
    case 'host':
      // Said once in a run of failures: a server that is away for an hour is one line, not
      // thousands.
      if (isFirst)
        options.log.log(error.kind === 'host' ? 'error' : 'warn', 'Cannot reconcile yet', fields)
      else options.log.debug('Cannot reconcile yet', fields)
      queue.addWithBackOff(key, error.retryAfterMs)
      return
    case 'bug':
      options.log.log('fatal', 'Cannot go on after an unexpected error', fields)
      throw error
  }
}
