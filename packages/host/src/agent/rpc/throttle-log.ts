// Lines that a client can cause at will: each message at most once in a while, with the number of
// those left out, so that nobody fills the journal through the socket.
import type { Clock } from '@kubenest/base/clock'
import type { LogFields, Logger, LogLevel } from '@kubenest/base/log'

/** Time between two lines with the same message, milliseconds. */
export const THROTTLE_MS = 10_000

/** Writes a line, or counts it. */
export type ThrottledLog = (level: LogLevel, message: string, fields?: LogFields) => void

/** Makes a throttle; messages are constant, so there are few of them. */
export function throttleLog(log: Logger, clock: Clock): ThrottledLog {
  const seen = new Map<string, { untilMs: number; leftOut: number }>()
  return (level, message, fields = {}) => {
    const nowMs = clock.monotonicMs()
    const last = seen.get(message)
    if (last !== undefined && nowMs < last.untilMs) {
      last.leftOut += 1
      return
    }
    const leftOut = last?.leftOut ?? 0
    seen.set(message, { untilMs: nowMs + THROTTLE_MS, leftOut: 0 })
    log.log(level, message, leftOut === 0 ? fields : { ...fields, leftOut })
  }
}
