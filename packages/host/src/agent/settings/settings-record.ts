// What the node remembers of settings: the transaction that runs, how to go back to before the last
// one, what was applied, and what waits for a restart. Bytes in and out; pure.
import type { RestartTarget } from '@kubenest/api/agent/settings'
import type { SettingTarget, WatchedKey } from './setting-model.ts'

/** One target of a transaction. */
export interface SavedTarget {
  readonly path: string
  readonly kind: SettingTarget['kind']
  /** Where the path led, on the node. */
  readonly leadsTo: string
  /** Content before; null: there was none, or a kernel value that cannot be read. */
  readonly before: string | null
  /** SHA-256 of the content after it, hex; null: no file. */
  readonly after: string | null
  readonly waitsFor?: RestartTarget
}

/** A key as it was when its request had been applied; null: it was deleted. */
export interface AppliedKey extends WatchedKey {
  readonly value: string | null
  /** Of values that a boot forgets: the boot they were set in. */
  readonly bootId?: string
}

/** Files that count only after something was started again. */
export interface WaitingMark {
  readonly target: RestartTarget
  /** RFC 3339. */
  readonly since: string
  readonly paths: readonly string[]
  readonly bootId: string
  /** The start of the service that is too old; absent when it could not be told. */
  readonly invocation?: string
}

export interface SettingsRecord {
  readonly format: 1
  /** RFC 3339. */
  readonly changedAt?: string
  /** A transaction that has begun and not ended: it is taken back at the next start. */
  readonly open?: { readonly bootId: string; readonly targets: readonly SavedTarget[] }
  /** The last transaction, for `undo`. */
  readonly last?: {
    readonly bootId: string
    readonly targets: readonly SavedTarget[]
    readonly appliedBefore: readonly AppliedKey[]
    readonly waitingBefore: readonly WaitingMark[]
  }
  readonly applied: readonly AppliedKey[]
  readonly waiting: readonly WaitingMark[]
  /** Requests that were applied, so that a repeated one is not applied twice. */
  readonly requests: readonly string[]
}

/** Digest function, so that this file stays pure. */
export type HexDigest = (bytes: string) => string

export const EMPTY_RECORD: SettingsRecord = { format: 1, applied: [], waiting: [], requests: [] }

/** A record as text: its digest on the first line. */
export function renderSettingsRecord(record: SettingsRecord, digest: HexDigest): string {
  const text = JSON.stringify(record)
  return `${digest(text)}\n${text}\n`
}

/** Reads a record; `undefined` for one that is torn, rotten, or of another format. */
export function parseSettingsRecord(text: string, digest: HexDigest): SettingsRecord | undefined {
  const [first = '', second = ''] = text.split('\n')
  if (digest(second) !== first) return undefined
  try {
    const record = JSON.parse(second) as SettingsRecord
    return record.format === 1 ? record : undefined
  } catch {
    // The digest was right and the text is not JSON: written by something that is not us.
    return undefined
  }
}
