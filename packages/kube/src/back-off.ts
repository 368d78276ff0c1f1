// Growing pauses with jitter, so that programs that failed together do not come back together.

/** Bounds of a growing pause, milliseconds. */
export interface BackOff {
  readonly minMs: number
  readonly maxMs: number
}

/**
 * Pause before attempt number `failures + 1`: doubles from `minMs` to `maxMs`, of which at least
 * half is kept.
 */
export function backOffMs(
  { minMs, maxMs }: BackOff,
  failures: number,
  random: () => number,
): number {
  const fullMs = Math.min(maxMs, minMs * 2 ** Math.min(failures, 40))
  return fullMs * (0.5 + random() / 2)
}
