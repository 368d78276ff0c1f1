// The gate as its unit and a lonely agent run it: what breaks the gate itself (a lock that is held,
// a disk that is slow) is no verdict, so it begins again until there is one.
import { toOsError } from '@kubenest/base/errors'
import type { EngineContext } from './engine-context.ts'
import { gateTrial, type TrialOutcome } from './trial.ts'

/** Pause between two attempts, milliseconds. */
const PAUSE_MS = 10_000

/** Gates until there is an outcome, or until the signal. */
export async function gateUntilDecided(
  context: EngineContext,
  stop: AbortSignal,
): Promise<TrialOutcome | 'stopped'> {
  while (!stop.aborted) {
    try {
      return await gateTrial(context, stop)
    } catch (cause) {
      if (stop.aborted) break
      context.log.error('health gate failed; it looks again', { reason: toOsError(cause).message })
    }
    await context.clock.sleep(PAUSE_MS, stop).catch(() => {
      // Stopped: the loop ends.
    })
  }
  return 'stopped'
}
