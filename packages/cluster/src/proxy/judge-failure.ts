// What a failed step leads to: another try after a while, or the end of the operation. Repeats are
// never "for ever" where a claim is held: the documented one second, then up to 15 (X39), then a
// verdict.
import type { FailureFacts } from './facts.ts'

const FIRST_MINUTE_MS = 60_000
const DELAY_MS = 1000
const DELAY_MS_MAX = 15_000
const BUSY_DELAY_MS = 2000
/** Refusals that end by themselves, when a trial is decided or another holder lets go. */
const PASSING_CODES: ReadonlySet<string> = new Set([
  'cancelled',
  'trial-open',
  'running-slot-not-saved',
  'journal-locked',
])
/** A refusal may rest on a moment (a slot just committed), never on three. */
const BLOCKED_ATTEMPTS = 3

/** A step that fails this long without a break is given up, before anything was disrupted. */
export const GIVE_UP_MS = 3_600_000

/** When the step may be tried again. */
export function nextTryMs(failure: FailureFacts): number {
  if (failure.error.code === 'busy') return failure.lastMs + BUSY_DELAY_MS
  if (failure.error.retryAfterMs !== undefined) {
    return failure.lastMs + Math.min(failure.error.retryAfterMs, DELAY_MS_MAX)
  }
  const olderMs = failure.lastMs - failure.firstMs - FIRST_MINUTE_MS
  if (olderMs < 0) return failure.lastMs + DELAY_MS
  // Doubles every half minute from the second minute on: 2, 4, 8, 15 s.
  const doubled = DELAY_MS * 2 ** (1 + Math.floor(Math.min(olderMs, 300_000) / 30_000))
  return failure.lastMs + Math.min(doubled, DELAY_MS_MAX)
}

/**
 * Whether repeating cannot help, so that the operation ends with a verdict. What is wrong as
 * written or does not match its digest waits for a change; what a person must allow waits for that
 * person.
 */
export function isFinal(failure: FailureFacts): boolean {
  const { kind, code } = failure.error
  if (kind === 'invalid' || kind === 'integrity') return true
  if (code === 'busy') return false
  if (kind === 'blocked' && !PASSING_CODES.has(code)) return failure.attempts >= BLOCKED_ATTEMPTS
  return failure.lastMs - failure.firstMs >= GIVE_UP_MS
}

/** `ImageDigestMismatch` for `image-digest-mismatch`: a condition's reason. */
export function reasonOf(code: string): string {
  const word = code
    .split(/[^A-Za-z0-9]+/)
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join('')
  return /^[A-Za-z]/.test(word) ? word : `Error${word}`
}
