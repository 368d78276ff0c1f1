// An agent that systemd starts by its socket ends when it has nothing to do, and so costs no
// memory.
import type { Clock } from '@kubenest/base/clock'

/** Time without anything to do after which the agent ends, milliseconds. */
export const IDLE_EXIT_MS = 30_000

/** Watches for idleness. */
export interface IdleWatch {
  /** Something happened: the time starts anew. */
  touch(): void
  cancel(): void
}

/**
 * Calls `onIdle` once nothing was needed for {@link IDLE_EXIT_MS}; asks `isNeeded` at the end of
 * each span.
 */
export function watchIdle(
  clock: Clock,
  isNeeded: () => Promise<boolean>,
  onIdle: () => void,
): IdleWatch {
  let span = 0
  let cancelTimer = () => {}

  function touch(): void {
    cancelTimer()
    span += 1
    const mine = span
    cancelTimer = clock.schedule(IDLE_EXIT_MS, () => void decide(mine))
  }

  async function decide(mine: number): Promise<void> {
    const needed = await isNeeded()
    // A client may have come while we asked.
    if (mine !== span) return
    if (needed) touch()
    else onIdle()
  }

  touch()
  return {
    touch,
    cancel() {
      span += 1
      cancelTimer()
    },
  }
}
