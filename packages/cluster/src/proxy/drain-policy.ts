// How long a drain may take and what follows (decision 6); absent means 900 s and Stop.
import type { Os } from '@kubenest/api/os/os'

const TIMEOUT_SECONDS = 900
const RECHECK_MS = 30_000
/** Longest pause between two looks. */
export const RECHECK_MS_MAX = 300_000

export interface DrainPolicy {
  readonly timeoutMs: number
  readonly onTimeout: 'Stop' | 'Skip' | 'Force'
}

export function drainPolicyOf(os: Os): DrainPolicy {
  const drain = os.spec?.rollout?.drain
  return {
    timeoutMs: (drain?.timeoutSeconds ?? TIMEOUT_SECONDS) * 1000,
    onTimeout: drain?.onTimeout ?? 'Stop',
  }
}

/** Pause after the n-th look that found blockers, counted from 1: 30 s, doubling to 5 min. */
export function recheckDelayMs(looks: number): number {
  return Math.min(RECHECK_MS * 2 ** Math.min(looks - 1, 8), RECHECK_MS_MAX)
}
