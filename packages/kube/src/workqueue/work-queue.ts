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
  return new KeyQueue(options)
}

class KeyQueue implements WorkQueue {
  readonly #options: WorkQueueOptions
  readonly #pause: BackOff
  readonly #ready = new Set<string>()
  readonly #working = new Set<string>()
  /** Keys that were added while they were worked on. */
  readonly #again = new Set<string>()
  readonly #delayed = new Map<string, Delayed>()
  readonly #failures = new Map<string, number>()
  readonly #takers: ((key: string | undefined) => void)[] = []
  #isClosed = false

  constructor(options: WorkQueueOptions) {
    this.#options = options
    this.#pause = {
      minMs: options.backOffMinMs ?? BACK_OFF.minMs,
      maxMs: options.backOffMaxMs ?? BACK_OFF.maxMs,
    }
  }

  add(key: string): void {
    if (this.#isClosed) return
    this.#delayed.get(key)?.cancel()
    this.#delayed.delete(key)
    if (this.#working.has(key)) this.#again.add(key)
    else this.#ready.add(key)
    this.#hand()
  }

  addAfter(key: string, delayMs: number): void {
    if (delayMs <= 0) return this.add(key)
    if (this.#isClosed || this.#ready.has(key) || this.#again.has(key)) return
    const { clock } = this.#options
    const dueMs = clock.monotonicMs() + delayMs
    const waiting = this.#delayed.get(key)
    if (waiting !== undefined && waiting.dueMs <= dueMs) return
    waiting?.cancel()
    this.#delayed.set(key, { dueMs, cancel: clock.schedule(delayMs, () => this.add(key)) })
  }

  addWithBackOff(key: string, leastMs = 0): void {
    const count = this.failures(key)
    this.#failures.set(key, count + 1)
    const pauseMs = backOffMs(this.#pause, count, this.#options.random ?? Math.random)
    this.addAfter(key, Math.max(leastMs, pauseMs))
  }

  forget(key: string): void {
    this.#failures.delete(key)
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0
  }

  take(): Promise<string | undefined> {
    if (this.#isClosed) return Promise.resolve(undefined)
    const key = this.#next()
    if (key !== undefined) return Promise.resolve(key)
    return new Promise((resolve) => this.#takers.push(resolve))
  }

  done(key: string): void {
    this.#working.delete(key)
    if (this.#again.delete(key)) this.add(key)
  }

  shutdown(): void {
    this.#isClosed = true
    for (const { cancel } of this.#delayed.values()) cancel()
    this.#delayed.clear()
    this.#ready.clear()
    for (const taker of this.#takers.splice(0)) taker(undefined)
  }

  #hand(): void {
    while (this.#takers.length > 0) {
      const key = this.#next()
      if (key === undefined) return
      this.#takers.shift()?.(key)
    }
  }

  #next(): string | undefined {
    const [key] = this.#ready
    if (key === undefined) return undefined
    this.#ready.delete(key)
    this.#working.add(key)
    return key
  }
}
