// Rows of the table in reliability 4.7, and the cuts between two steps.
import { describe, expect, test } from 'bun:test'
import { judgeBoot, type BootFacts } from './judge-boot.ts'
import { initialJournalState, type JournalState, type TrialRecord } from './journal-state.ts'

const image = { digest: 'd', version: 'v2' }
const operation = { id: 'op', kind: 'upgrade', target: 'B', image, armedBootId: 'old' } as const
const trial: TrialRecord = {
  operationId: 'op',
  image,
  target: 'B',
  verdict: 'InTrial',
  startedBootId: 'trial',
  reasons: [],
  since: '',
}

function judge(
  booted: 'A' | 'B',
  journal: Partial<JournalState>,
  environment: Record<string, string> = { saved_entry: 'A' },
  bootId = 'new',
): string {
  const facts: BootFacts = {
    booted,
    bootId,
    journal: { ...initialJournalState('A'), ...journal },
    environment: new Map(Object.entries(environment)),
  }
  const judgement = judgeBoot(facts)
  return judgement.kind === 'fell-back' ? judgement.verdict : judgement.kind
}

describe('judgeBoot()', () => {
  const armed = { phase: 'Armed', operation } as const
  const slots = { ...initialJournalState('A').slots }
  slots.B = { state: 'verified', contract: 'none' }
  const forGood = { ...armed, slots }
  const writing = { ...slots, B: { state: 'writing' } } as const
  const rows: [string, string, string][] = [
    ['old, Armed, no mark', judge('A', armed), 'TrialNotReached'],
    ['old, Armed, started', judge('A', { ...armed, trial }), 'TrialInterrupted'],
    [
      'old, Armed, failed checks',
      judge('A', { ...armed, trial: { ...trial, reasons: ['x'] } }),
      'TrialUnhealthy',
    ],
    [
      'old, Armed, mark of an earlier operation',
      judge('A', { ...armed, trial: { ...trial, operationId: 'earlier' } }),
      'TrialNotReached',
    ],
    [
      'by hand, saved, cut off before the record',
      judge('B', { phase: 'SlotVerified', operation, slots }, { saved_entry: 'B' }),
      'manual-rollback',
    ],
    [
      'by hand, saved, while a write to it was cut off',
      judge('B', { phase: 'Writing', operation, slots: writing }, { saved_entry: 'B' }),
      'manual-rollback',
    ],
    ['new, Armed', judge('B', { ...armed, trial }), 'in-trial'],
    ['new, Armed, saved_entry new', judge('B', armed, { saved_entry: 'B' }), 'finish-commit'],
    [
      'new, Committed',
      judge('B', { phase: 'Committed', operation }, { saved_entry: 'B' }),
      'steady',
    ],
    [
      'old, Arming, environment armed',
      judge('A', { phase: 'Arming', operation }, { saved_entry: 'A', kubenest_trial: 'op' }),
      'TrialNotReached',
    ],
    ['old, Arming, environment not', judge('A', { phase: 'Arming', operation }), 'not-armed'],
    [
      'old, Armed, environment taken back',
      judge('A', armed, { saved_entry: 'A', kubenest_trial: 'not:op' }),
      'not-armed',
    ],
    [
      'old, Armed, environment of an earlier operation taken back',
      judge('A', armed, { saved_entry: 'A', kubenest_trial: 'not:earlier' }),
      'TrialNotReached',
    ],
    ['new, Arming', judge('B', { phase: 'Arming', operation }), 'in-trial'],
    ['same boot, Armed', judge('A', armed, { saved_entry: 'A' }, 'old'), 'still-armed'],
    ['old, Writing', judge('A', { phase: 'Writing', operation }), 'write-interrupted'],
    ['other slot by hand', judge('B', { phase: 'Idle' }), 'manual-rollback'],
    ['titles and ids', judge('A', {}, { saved_entry: 'KubeOS-A' }), 'steady'],
    ['no saved entry', judge('A', {}, {}), 'steady'],
    ['for good, back by others', judge('A', forGood, { saved_entry: 'A' }), 'switched-by-others'],
    ['for good, back by GRUB', judge('A', forGood, { saved_entry: 'B' }), 'TrialNotReached'],
    ['for good, runs', judge('B', forGood, { saved_entry: 'B' }), 'finish-commit'],
  ]
  for (const [row, found, expected] of rows)
    test(`judgeBoot() says ${expected} for: ${row}`, () => {
      expect(found).toBe(expected)
    })
})
