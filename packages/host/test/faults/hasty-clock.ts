// The real time without long waits: the agent rests much in its background work.
import { systemClock, type Clock } from '@kubenest/base/clock'

/** What a mount that is busy may take. */
const LONGEST_MS = 500

export const hastyClock: Clock = {
  ...systemClock,
  sleep: (delayMs, signal) => systemClock.sleep(Math.min(delayMs, LONGEST_MS), signal),
}
