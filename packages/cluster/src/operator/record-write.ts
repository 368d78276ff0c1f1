// The one conditional write on the OS object: claims, record, history, time of the last batch.
// Pure. New claims are cut so that all our annotations stay within the limits of decision 4.
import { ANNOTATION_BYTES_MAX, CLAIMS_MAX, OS_ANNOTATIONS } from '@kubenest/api/os/names'
import type { Claim, HistoryEntry, RolloutRecord } from '@kubenest/api/os/records'
import type { OsFacts } from './facts.ts'
import { instant } from './sentences.ts'

const SEPARATOR_BYTES = 1

/** What shall stand on the OS object; absent members stay as they are. */
export interface WantedRecord {
  claims: Claim[]
  rollout: RolloutRecord | undefined
  history: HistoryEntry[]
  lastBatchMs: number | undefined
}

/** Annotations to write (null removes); `undefined` when nothing changes. */
export function recordAnnotations(
  os: OsFacts,
  wanted: WantedRecord,
): Record<string, string | null> | undefined {
  const changed: Record<string, string | null> = {}
  const add = (key: string, before: unknown, after: unknown, text: string | null) => {
    if (JSON.stringify(before) !== JSON.stringify(after)) changed[key] = text
  }
  const { claims, rollout, history, lastBatchMs } = wanted
  add(OS_ANNOTATIONS.claims, os.claims, claims, claims.length === 0 ? null : JSON.stringify(claims))
  if (rollout !== undefined)
    add(OS_ANNOTATIONS.rollout, os.rollout, rollout, JSON.stringify(rollout))
  add(OS_ANNOTATIONS.history, os.history, history, JSON.stringify(history))
  if (lastBatchMs !== undefined)
    add(OS_ANNOTATIONS.lastBatch, os.lastBatchMs, lastBatchMs, instant(lastBatchMs))
  return Object.keys(changed).length === 0 ? undefined : changed
}

/** How many of the new claims fit beside what is kept. */
export function fittingClaims(
  kept: readonly Claim[],
  added: readonly Claim[],
  other: { rollout: RolloutRecord; history: readonly HistoryEntry[]; attempt: unknown },
): number {
  let bytes = byteLength(kept) + byteLength(other.rollout) + byteLength(other.history)
  bytes += byteLength(other.attempt ?? null) + Object.values(OS_ANNOTATIONS).join('').length * 2
  let fitting = 0
  for (const claim of added) {
    bytes += byteLength(claim) + SEPARATOR_BYTES
    if (bytes > ANNOTATION_BYTES_MAX || kept.length + fitting >= CLAIMS_MAX) break
    fitting += 1
  }
  return fitting
}

function byteLength(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length
}
