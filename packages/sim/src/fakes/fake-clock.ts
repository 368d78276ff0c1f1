// Time that moves only when told. Timers run in order of their time; between two of them every
// promise that can settle does, so a run is the same each time.
import type { Clock } from '@kubenest/base/clock'

interface Timer {
  readonly dueMs: number
  readonly order: number
  readonly task: () => void
}

/** A {@link Clock} for tests and the simulator. */
export class FakeClock implements Clock {
  readonly #startMs: number
  readonly #timers = new Set<Timer>()
  #elapsedMs = 0
  #order = 0

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#startMs = startMs
  }

  nowMs(): number {
    return this.#startMs + this.#elapsedMs
  }

  monotonicMs(): number {
    return this.#elapsedMs
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size
  }

  schedule(delayMs: number, task: () => void): () => void {
    const timer = { dueMs: this.#elapsedMs + Math.max(0, delayMs), order: this.#order++, task }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error)
      const onAbort = () => {
        cancel()
        reject(signal?.reason as Error)
      }
      const cancel = this.schedule(delayMs, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** Moves time, running each timer that becomes due at its own time. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms
    await this.settle()
    for (let timer = this.#next(endMs); timer !== undefined; timer = this.#next(endMs)) {
      this.#timers.delete(timer)
      this.#elapsedMs = timer.dueMs
      timer.task()
      await this.settle()
    }
    this.#elapsedMs = endMs
  }

  /**
   * Runs timers one after the other until the condition holds or no timer is left before the limit.
   */
  async advanceUntil(condition: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.#elapsedMs + limitMs
    await this.settle()
    while (!condition()) {
      const timer = this.#next(endMs)
      if (timer === undefined) return false
      await this.advance(timer.dueMs - this.#elapsedMs)
    }
    return true
  }

  /**
   * Lets every promise settle that needs no timer: a macrotask starts only when no microtask is
   * left.
   */
  async settle(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve))
  }

  #next(endMs: number): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.dueMs > endMs) continue
      if (first === undefined || timer.dueMs < first.dueMs) first = timer
      else if (timer.dueMs === first.dueMs && timer.order < first.order) first = timer
    }
    return first
  }
}
