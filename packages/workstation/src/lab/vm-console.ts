// What a guest's serial line tells: which slot the boot menu chose, what was booted, how it ended.
// Pure.

/** What is known so far of one boot. */
export interface ConsoleFacts {
  /** Slot that the boot menu starts. */
  readonly slot?: 'A' | 'B'
  /** Told by the lab's own unit, early in user space. */
  readonly booted?: { readonly version: string; readonly trial: boolean }
  readonly panicked: boolean
}

/** Reads everything that one boot has printed so far. */
export function readConsole(text: string): ConsoleFacts {
  const chosen = [...text.matchAll(/(?:Booting|Falling back to) `([AB])'/g)].at(-1)?.[1]
  const told = /^kubenest-lab: booted\r?\n([\s\S]*?kubenest\.env=[^\r\n]*)/m.exec(text)?.[1]
  const version = /^PRETTY_NAME="([^"]*)"/m.exec(told ?? '')?.[1]
  return {
    ...(chosen === 'A' || chosen === 'B' ? { slot: chosen } : {}),
    ...(told === undefined || version === undefined
      ? {}
      : { booted: { version, trial: told.includes('kubenest.trial=1') } }),
    panicked: text.includes('Kernel panic - not syncing'),
  }
}
