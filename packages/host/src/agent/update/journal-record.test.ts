// The journal's records: what was rendered is read; a torn or rotted record never counts.
import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { sha256Bytes } from '../../linux/sha256.ts'
import {
  JOURNAL_RECORD_BYTES,
  newestRecord,
  parseJournalRecord,
  renderJournalRecord,
} from './journal-record.ts'
import { initialJournalState, type JournalState } from './journal-state.ts'

function render(sequence: number, state: JournalState): Uint8Array {
  const record = renderJournalRecord(sequence, state, sha256Bytes)
  if (record === undefined) throw new Error('does not fit')
  return record
}

const states = fc
  .record({ id: fc.string(), version: fc.string() })
  .map(({ id, version }): JournalState => ({
    ...initialJournalState('A'),
    phase: 'Armed',
    operation: { id, kind: 'upgrade', target: 'B', image: { digest: 'd', version } },
  }))
const sequences = fc.nat()

describe('renderJournalRecord()', () => {
  test('renderJournalRecord() is undone by parseJournalRecord()', () => {
    fc.assert(
      fc.property(sequences, states, (sequence, state) => {
        const record = render(sequence, state)
        expect(record.length).toBe(JOURNAL_RECORD_BYTES)
        expect(parseJournalRecord(record, sha256Bytes)).toEqual({ kind: 'valid', sequence, state })
      }),
    )
  })

  test('renderJournalRecord() refuses a state that does not fit', () => {
    const big = { ...initialJournalState('A') }
    big.tries = [
      { digest: 'x'.repeat(40_000), version: '', tries: 0, failures: 0, allowed: 0, tokens: [] },
    ]
    expect(renderJournalRecord(1, big, sha256Bytes)).toBeUndefined()
  })
})

describe('parseJournalRecord()', () => {
  test('parseJournalRecord() tells a place never written from a broken one', () => {
    expect(parseJournalRecord(new Uint8Array(JOURNAL_RECORD_BYTES), sha256Bytes).kind).toBe('empty')
    expect(parseJournalRecord(new Uint8Array(100).fill(1), sha256Bytes).kind).toBe('broken')
  })

  test('parseJournalRecord() finds every changed bit of header, digest and payload', () => {
    const record = render(7, initialJournalState('B'))
    const used = 52 + JSON.stringify(initialJournalState('B')).length
    fc.assert(
      fc.property(fc.nat(used - 1), fc.nat(7), (at, bit) => {
        const rotted = record.slice()
        rotted[at] = (rotted[at] ?? 0) ^ (1 << bit)
        expect(parseJournalRecord(rotted, sha256Bytes).kind).toBe('broken')
      }),
      { numRuns: 300 },
    )
  })

  test('parseJournalRecord() never takes a tear between two records for one of them', () => {
    const old = render(1, { ...initialJournalState('A'), phase: 'Writing' })
    const fresh = render(3, { ...initialJournalState('A'), phase: 'SlotVerified' })
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 64, maxLength: 64 }), (kept) => {
        const torn = old.slice()
        for (const [sector, isNew] of kept.entries())
          if (isNew) torn.set(fresh.subarray(sector * 512, sector * 512 + 512), sector * 512)
        const record = parseJournalRecord(torn, sha256Bytes)
        const same = [old, fresh].some((each) => Buffer.compare(each, torn) === 0)
        expect(record.kind === 'valid').toBe(same)
      }),
    )
  })
})

describe('newestRecord()', () => {
  test('newestRecord() takes the higher sequence of the valid records', () => {
    const state = initialJournalState('A')
    const low = { kind: 'valid', sequence: 4, state } as const
    const high = { kind: 'valid', sequence: 5, state } as const
    expect(newestRecord([high, low])).toBe(high)
    expect(newestRecord([{ kind: 'broken' }, low])).toBe(low)
    expect(newestRecord([{ kind: 'empty' }, { kind: 'broken' }])).toBeUndefined()
  })
})
