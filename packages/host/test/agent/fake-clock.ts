// A clock that stands still until a test moves it.
import type { Clock } from '@kubenest/base/clock'

export interface FakeClock extends Clock {
  /** Moves time forward and runs what became due, in order. */
  advance(byMs: number): Promise<void>
  /** Timers that wait. */
  pending(): number
}

export function createFakeClock(startMs = Date.UTC(2024, 0, 1)): FakeClock {
  let now = 0
  const timers = new Set<{ atMs: number; task: () => void }>()
  function schedule(delayMs: number, task: () => void): () => void {
    const timer = { atMs: now + delayMs, task }
    timers.add(timer)
    return () => timers.delete(timer)
  }
  return {
    nowMs: () => startMs + now,
    monotonicMs: () => now,
    schedule,
    sleep: (delayMs, signal) =>
      new Promise((resolve, reject) => {
        const cancel = schedule(delayMs, resolve)
        signal?.addEventListener('abort', () => {
          cancel()
          reject(signal.reason as Error)
        })
      }),
    async advance(byMs) {
      const until = now + byMs
      for (;;) {
        const due = [...timers]
          .filter((each) => each.atMs <= until)
          .sort((a, b) => a.atMs - b.atMs)[0]
        if (due === undefined) break
        timers.delete(due)
        now = due.atMs
        due.task()
        await Bun.sleep(0)
      }
      now = until
    },
    pending: () => timers.size,
  }
}

/** Polls until a condition holds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  limitMs = 30_000,
): Promise<void> {
  const start = performance.now()
  while (!(await condition())) {
    if (performance.now() - start > limitMs) throw new Error('the condition did not come true')
    await Bun.sleep(2)
  }
}
