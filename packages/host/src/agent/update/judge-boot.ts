// The agent's verdict after a boot (reliability 4.7, decision 22): booted slot, journal, boot
// environment and trial marks in, one judgement out. Pure. The booted slot counts, never a flag of
// the kernel line: after a fallback inside GRUB the flag misleads.
import type { TrialVerdict } from '@kubenest/api/agent/rpc'
import { slotOfEntry } from '../bootloader/slot-of-entry.ts'
import type { JournalState, SlotName, SlotRecord } from './journal-state.ts'

/**
 * Variable of grubenv that names the armed operation; it outlives GRUB's clearing of next_entry.
 */
export const TRIAL_VARIABLE = 'kubenest_trial'

/** Its value once an arming that failed was taken back. */
export function takenBack(operationId: string): string {
  return `not:${operationId}`
}

export interface BootFacts {
  readonly booted: SlotName
  readonly bootId: string
  journal: JournalState
  /** Variables of the environment that GRUB would load. */
  readonly environment: ReadonlyMap<string, string>
}

export type BootJudgement =
  /** Nothing is open. */
  | { readonly kind: 'steady' }
  /** A write was cut: the target holds nothing. */
  | { readonly kind: 'write-interrupted'; readonly target: SlotName }
  /** The target runs on trial: the gate decides. */
  | { readonly kind: 'in-trial' }
  /** Cut between the commit and its records: finish them. */
  | { readonly kind: 'finish-commit' }
  /**
   * The journal says arming or armed; the boot environment never heard of it, or took it back when
   * a disk failed that let the journal say no more: verified as before.
   */
  | { readonly kind: 'not-armed' }
  /** Armed in this very boot and not rebooted: take it back, the caller repeats. */
  | { readonly kind: 'still-armed' }
  | {
      readonly kind: 'fell-back'
      readonly verdict: Extract<
        TrialVerdict,
        'TrialNotReached' | 'TrialInterrupted' | 'TrialUnhealthy'
      >
      readonly reasons: readonly string[]
    }
  /**
   * Switched for good to an image with a foreign agent, which has switched again since: what it
   * wrote to the slots is not in our journal.
   */
  | { readonly kind: 'switched-by-others' }
  /** A person chose the other slot in the boot menu; respected, saved once it is healthy. */
  | { readonly kind: 'manual-rollback' }

/** What a record says of content that no gate has passed. */
const UNPROVED: ReadonlySet<SlotRecord['state']> = new Set(['writing', 'verified', 'trial', 'bad'])

/** Judges a boot. */
export function judgeBoot(facts: BootFacts): BootJudgement {
  const { journal, booted } = facts
  const saved = slotOfEntry(facts.environment.get('saved_entry'))
  if (journal.phase === 'Arming' || journal.phase === 'Armed') return judgeArmed(facts, saved)
  if (saved !== undefined && saved !== booted) return { kind: 'manual-rollback' }
  // Saved by hand, and cut off before the journal heard of it: the gate looks and records again.
  if (saved === booted && UNPROVED.has(journal.slots[booted].state))
    return { kind: 'manual-rollback' }
  if (journal.phase === 'Writing' && journal.operation !== undefined)
    return { kind: 'write-interrupted', target: journal.operation.target }
  return { kind: 'steady' }
}

function judgeArmed(facts: BootFacts, saved: SlotName | undefined): BootJudgement {
  const { journal, booted, bootId, environment } = facts
  const operation = journal.operation
  if (operation === undefined) return { kind: 'steady' }
  if (booted === operation.target)
    return saved === operation.target ? { kind: 'finish-commit' } : { kind: 'in-trial' }
  if (environment.get(TRIAL_VARIABLE) === takenBack(operation.id)) return { kind: 'not-armed' }
  const wasArmed = journal.phase === 'Armed' || environment.get(TRIAL_VARIABLE) === operation.id
  if (!wasArmed) return { kind: 'not-armed' }
  if (operation.armedBootId === bootId) return { kind: 'still-armed' }
  const isForGood = journal.slots[operation.target].contract === 'none'
  if (isForGood && saved === booted) return { kind: 'switched-by-others' }
  return judgeFallback(journal, operation.id)
}

function judgeFallback(journal: JournalState, operationId: string): BootJudgement {
  const trial = journal.trial?.operationId === operationId ? journal.trial : undefined
  if (trial?.startedBootId === undefined) {
    const reason = 'The new slot did not reach user space: boot loader, kernel or initramfs failed'
    return { kind: 'fell-back', verdict: 'TrialNotReached', reasons: [reason] }
  }
  if (trial.reasons.length > 0)
    return { kind: 'fell-back', verdict: 'TrialUnhealthy', reasons: trial.reasons }
  const reason = 'The new slot started and was cut off before its health was decided'
  return { kind: 'fell-back', verdict: 'TrialInterrupted', reasons: [reason] }
}
