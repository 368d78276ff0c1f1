// Keys that wait for a worker. The same key never waits twice and is never worked on twice at once,
// so a burst of events costs one reconcile. Level-based: a key carries no event.
import type { Clock } from '@kubenest/base/clock'
import { type BackOff, backOffMs } from '../back-off.ts'

const BACK_OFF: BackOff = { minMs: 5, maxMs: 1_000_000 }

export interface WorkQueueOptions {
  readonly clock: Clock
  /** First pause after a failure, milliseconds. @defaultValue 5 */
  readonly backOffMinMs?: number
  /** Longest pause after failures, milliseconds. @defaultValue 1000000 */
  readonly backOffMaxMs?: number
  /** Source of jitter, 0 to 1. @defaultValue Math.random */
  readonly random?: () => number
}

/** See {@link createWorkQueue}. */
export interface WorkQueue {
  /** Makes a key ready now. One that is being worked on becomes ready when that work is done. */
  add(key: string): void
  /**
   * Makes a key ready after a delay; of several wishes for a key the earliest wins, and `add` is
   * earlier than all.
   */
  addAfter(key: string, delayMs: number): void
  /**
   * Like `addAfter` with a pause that doubles with each failure of this key, but at least
   * `leastMs`.
   */
  addWithBackOff(key: string, leastMs?: number): void
  /** Ends the series of failures of a key. */
  forget(key: string): void
  /** Failures in a row of a key. */
  failures(key: string): number
  /** The next ready key, to be given back by `done`; `undefined` once shut down. */
  take(): Promise<string | undefined>
  done(key: string): void
  /** Nothing is given out any more; waiting `take` calls end. */
  shutdown(): void
}

interface Delayed {
  readonly dueMs: number
  readonly cancel: () => void
}

/** Makes an empty queue. */
export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const ready = new Set<string>()
  const working = new Set<string>()
  const again = new Set<string>()
  const delayed = new Map<string, Delayed>()
  const failures = new Map<string, number>()
  const takers: ((key: string | undefined) => void)[] = []
  const pause: BackOff = {
    minMs: options.backOffMinMs ?? BACK_OFF.minMs,
    maxMs: options.backOffMaxMs ?? BACK_OFF.maxMs,
  }
  let closed = false

  function add(key: string): void {
    if (closed) return
    delayed.get(key)?.cancel()
    delayed.delete(key)
    if (working.has(key)) again.add(key)
    else ready.add(key)
    hand()
  }

  function hand(): void {
    while (takers.length > 0) {
      const key = next()
      if (key === undefined) return
      takers.shift()?.(key)
    }
  }

  function next(): string | undefined {
    const [key] = ready
    if (key === undefined) return undefined
    ready.delete(key)
    working.add(key)
    return key
  }

  function addAfter(key: string, delayMs: number): void {
    if (delayMs <= 0) return add(key)
    if (closed || ready.has(key) || again.has(key)) return
    const dueMs = options.clock.monotonicMs() + delayMs
    const waiting = delayed.get(key)
    if (waiting !== undefined && waiting.dueMs <= dueMs) return
    waiting?.cancel()
    delayed.set(key, { dueMs, cancel: options.clock.schedule(delayMs, () => add(key)) })
  }

  return {
    add,
    addAfter,
    addWithBackOff: (key, leastMs = 0) => {
      const count = failures.get(key) ?? 0
      failures.set(key, count + 1)
      addAfter(key, Math.max(leastMs, backOffMs(pause, count, options.random ?? Math.random)))
    },
    forget: (key) => void failures.delete(key),
    failures: (key) => failures.get(key) ?? 0,
    take: () => {
      const key = closed ? undefined : next()
      if (key !== undefined || closed) return Promise.resolve(key)
      return new Promise((resolve) => takers.push(resolve))
    },
    done: (key) => {
      working.delete(key)
      if (again.delete(key)) add(key)
    },
    shutdown: () => {
      closed = true
      for (const { cancel } of delayed.values()) cancel()
      delayed.clear()
      ready.clear()
      for (const taker of takers.splice(0)) taker(undefined)
    },
  }
}
