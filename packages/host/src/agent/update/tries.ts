// Trials of an image on this node (decision 5). Pure. Any fallback counts at once; a further trial
// of the same image needs a person. Counts are keyed by digest and version, so a new image starts
// clean.
import type { ImageIdentity } from '@kubenest/api/os/records'
import type { JournalState, TryRecord } from './journal-state.ts'

/** Images that are remembered; the oldest are forgotten first. */
const RECORDS_MAX = 32
const TOKENS_MAX = 8

/** The record of an image; zeros when it was never tried. */
export function findTry(journal: JournalState, image: ImageIdentity): TryRecord {
  const known = journal.tries.find((each) => isSame(each, image))
  return (
    known ?? {
      digest: image.digest,
      version: image.version,
      tries: 0,
      failures: 0,
      allowed: 0,
      tokens: [],
    }
  )
}

/** May the image be tried? */
export function mayTry(journal: JournalState, image: ImageIdentity): boolean {
  const record = findTry(journal, image)
  return record.failures === 0 || record.allowed > 0
}

/** Counts a start; uses up one allowance when the image has failed before. */
export function countTrial(journal: JournalState, image: ImageIdentity): JournalState {
  const record = findTry(journal, image)
  const allowed = record.failures > 0 ? Math.max(0, record.allowed - 1) : record.allowed
  return put(journal, { ...record, tries: record.tries + 1, allowed })
}

/** Takes a start back that no boot followed, and the allowance that it used up. */
export function uncountTrial(journal: JournalState, image: ImageIdentity): JournalState {
  const record = findTry(journal, image)
  if (record.tries === 0) return journal
  const allowed = record.failures > 0 ? record.allowed + 1 : record.allowed
  return put(journal, { ...record, tries: record.tries - 1, allowed })
}

/** Counts a fallback. */
export function countFailure(journal: JournalState, image: ImageIdentity): JournalState {
  const record = findTry(journal, image)
  return put(journal, { ...record, failures: record.failures + 1 })
}

/**
 * One more trial, given by a person. A token counts once, and only after a failure here: one that
 * was sent because of another node must not become a second trial on this one.
 */
export function allowTrial(
  journal: JournalState,
  image: ImageIdentity,
  token: string | undefined,
): JournalState {
  const record = findTry(journal, image)
  if (token === undefined) return put(journal, { ...record, allowed: record.allowed + 1 })
  if (record.tokens.includes(token)) return journal
  const tokens = [...record.tokens, token].slice(-TOKENS_MAX)
  const allowed = record.failures > 0 ? record.allowed + 1 : record.allowed
  return put(journal, { ...record, allowed, tokens })
}

function put(journal: JournalState, record: TryRecord): JournalState {
  const others = journal.tries.filter((each) => !isSame(each, record))
  return { ...journal, tries: [...others, record].slice(-RECORDS_MAX) }
}

function isSame(left: ImageIdentity, right: ImageIdentity): boolean {
  return left.digest === right.digest && left.version === right.version
}
