// Bytes of one journal record: fixed size, sequence number, checksum. Pure. A record that was torn
// by a power cut, or whose bits have rotted, reads as `broken`; a place never written reads as
// `empty`.
import type { JournalState } from './journal-state.ts'

/** Size of a record, bytes; a journal is two of them. */
export const JOURNAL_RECORD_BYTES = 32_768

const MAGIC = new TextEncoder().encode('KUBNESTJ')
const HEADER_BYTES = 20
const DIGEST_BYTES = 32

/** What a place of the journal holds. */
export type JournalRecord =
  | { readonly kind: 'empty' }
  | { readonly kind: 'broken' }
  | { readonly kind: 'valid'; readonly sequence: number; readonly state: JournalState }

/** Digest function, so that this file stays pure. */
export type Digest = (bytes: Uint8Array) => Uint8Array

/** Bytes of a record; `undefined` when the state does not fit. */
export function renderJournalRecord(
  sequence: number,
  state: JournalState,
  digest: Digest,
): Uint8Array | undefined {
  const payload = new TextEncoder().encode(JSON.stringify(state))
  const start = HEADER_BYTES + DIGEST_BYTES
  if (start + payload.length > JOURNAL_RECORD_BYTES) return undefined
  const record = new Uint8Array(JOURNAL_RECORD_BYTES)
  const view = new DataView(record.buffer)
  record.set(MAGIC, 0)
  view.setBigUint64(8, BigInt(sequence))
  view.setUint32(16, payload.length)
  record.set(payload, start)
  record.set(digestOf(record, payload.length, digest), HEADER_BYTES)
  return record
}

/** Reads a record. */
export function parseJournalRecord(record: Uint8Array, digest: Digest): JournalRecord {
  if (record.every((byte) => byte === 0)) return { kind: 'empty' }
  if (record.length !== JOURNAL_RECORD_BYTES) return { kind: 'broken' }
  if (!MAGIC.every((byte, at) => record[at] === byte)) return { kind: 'broken' }
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength)
  const length = view.getUint32(16)
  if (HEADER_BYTES + DIGEST_BYTES + length > JOURNAL_RECORD_BYTES) return { kind: 'broken' }
  const expected = digestOf(record, length, digest)
  if (!expected.every((byte, at) => record[HEADER_BYTES + at] === byte)) return { kind: 'broken' }
  return parsePayload(record, Number(view.getBigUint64(8)), length)
}

/** The record that counts: the valid one with the higher sequence number. */
export function newestRecord(
  records: readonly JournalRecord[],
): Extract<JournalRecord, { kind: 'valid' }> | undefined {
  return records
    .filter((record) => record.kind === 'valid')
    .reduce<Extract<JournalRecord, { kind: 'valid' }> | undefined>(
      (best, record) => (best === undefined || record.sequence > best.sequence ? record : best),
      undefined,
    )
}

function parsePayload(record: Uint8Array, sequence: number, length: number): JournalRecord {
  const start = HEADER_BYTES + DIGEST_BYTES
  try {
    const text = new TextDecoder().decode(record.subarray(start, start + length))
    const state = JSON.parse(text) as JournalState
    return state.format === 1 ? { kind: 'valid', sequence, state } : { kind: 'broken' }
  } catch {
    // The checksum was right and the text is not JSON: written by something that is not us.
    return { kind: 'broken' }
  }
}

function digestOf(record: Uint8Array, payloadLength: number, digest: Digest): Uint8Array {
  const start = HEADER_BYTES + DIGEST_BYTES
  const covered = new Uint8Array(HEADER_BYTES + payloadLength)
  covered.set(record.subarray(0, HEADER_BYTES), 0)
  covered.set(record.subarray(start, start + payloadLength), HEADER_BYTES)
  return digest(covered)
}
