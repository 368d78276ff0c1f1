// The durable record of a rollout, keyed by what is rolled out: an image by digest and version,
// settings by their version. A record of something else is replaced, but its failures are kept
// (decision 5). Pure.
import { HISTORY_MAX } from '@kubenest/api/os/names'
import type {
  Claim,
  EarlierRollout,
  HistoryEntry,
  ImageIdentity,
  NodeFailure,
  RolloutRecord,
} from '@kubenest/api/os/records'
import type { OsFacts } from './facts.ts'

const EARLIER_MAX = 10
/** A rollout halts at the latest when this many failures are on record (see `haltOf`). */
export const FAILURES_KEPT_MAX = 50
const MESSAGE_LENGTH_MAX = 300

/** What identifies a rollout. */
export interface RolloutIdentity {
  image: ImageIdentity
  operation?: Claim['operation']
  settings?: string
}

/** The identity of what this OS object asks for. */
export function wantedIdentity(os: OsFacts): RolloutIdentity & { operation: Claim['operation'] } {
  const operation = os.operation as Claim['operation']
  if (operation !== 'config') return { image: os.image, operation }
  return { image: os.image, operation, settings: os.systemSettings?.version ?? '' }
}

/** Equal keys mean the same rollout; upgrade and rollback to one image are the same. */
export function rolloutKey(identity: RolloutIdentity): string {
  const { image, operation, settings } = identity
  return operation === 'config'
    ? `settings/${image.version}/${settings ?? ''}`
    : `image/${image.digest}/${image.version}`
}

/**
 * The record of the present wish: the stored one, or a new one that takes over what is known of
 * this image.
 */
export function currentRecord(os: OsFacts, nowMs: number): RolloutRecord {
  const wanted = wantedIdentity(os)
  const stored = os.rollout
  if (stored !== undefined && rolloutKey(stored) === rolloutKey(wanted)) return stored
  const earlier = earlierRollouts(stored)
  const again = earlier.find((each) => rolloutKey(each) === rolloutKey(wanted))
  const rest = earlier.filter((each) => each !== again)
  return {
    ...wanted,
    startedAt: new Date(nowMs).toISOString(),
    failures: again?.failures ?? [],
    ...(rest.length > 0 ? { earlier: rest } : {}),
  }
}

function earlierRollouts(stored: RolloutRecord | undefined): EarlierRollout[] {
  if (stored === undefined) return []
  const { image, operation, settings, failures } = stored
  const own: EarlierRollout = {
    image,
    ...(operation === undefined ? {} : { operation }),
    ...(settings === undefined ? {} : { settings }),
    failures,
  }
  return [...(failures.length > 0 ? [own] : []), ...(stored.earlier ?? [])].slice(0, EARLIER_MAX)
}

/** Adds or replaces (by claim) a failure, in the record of the image that failed. */
export function withFailure(
  record: RolloutRecord,
  of: RolloutIdentity,
  failure: NodeFailure,
): RolloutRecord {
  const short = { ...failure, message: failure.message.slice(0, MESSAGE_LENGTH_MAX) }
  if (rolloutKey(of) === rolloutKey(record))
    return { ...record, failures: upsert(record.failures, short) }
  const earlier = record.earlier ?? []
  const known = earlier.find((each) => rolloutKey(each) === rolloutKey(of))
  const changed: EarlierRollout = {
    image: of.image,
    ...(of.operation === undefined ? {} : { operation: of.operation }),
    ...(of.settings === undefined ? {} : { settings: of.settings }),
    failures: upsert(known?.failures ?? [], short),
  }
  const others = earlier.filter((each) => each !== known)
  return { ...record, earlier: [changed, ...others].slice(0, EARLIER_MAX) }
}

function upsert(failures: readonly NodeFailure[], failure: NodeFailure): NodeFailure[] {
  const others = failures.filter(
    (each) =>
      each.claim !== failure.claim &&
      !(each.node === failure.node && each.nodeUid === failure.nodeUid),
  )
  const all = [...others, failure]
  const tooMany = all.length - FAILURES_KEPT_MAX
  if (tooMany <= 0) return all
  // Skipped nodes do not count, so they are forgotten before any that failed.
  const dropped = new Set(
    [...all.filter(isSkipped), ...all.filter((each) => !isSkipped(each))].slice(0, tooMany),
  )
  return all.filter((each) => !dropped.has(each))
}

function isSkipped({ outcome }: NodeFailure): boolean {
  return outcome === 'Skipped'
}

/**
 * History with the end of the stored rollout, when another one takes its place or it is complete.
 */
export function withHistory(
  history: readonly HistoryEntry[],
  ended: RolloutRecord,
  end: { outcome: HistoryEntry['outcome']; nodes: number; nowMs: number },
): HistoryEntry[] {
  const entry: HistoryEntry = {
    image: ended.image,
    operation: ended.operation ?? 'upgrade',
    startedAt: ended.startedAt,
    finishedAt: new Date(end.nowMs).toISOString(),
    outcome: end.outcome,
    nodes: end.nodes,
    failed: ended.failures.filter(({ outcome }) => outcome !== 'Skipped').length,
  }
  return [entry, ...history].slice(0, HISTORY_MAX)
}
