// What the journal remembers about slots, the operation and its trial. Everything here survives a
// power cut; nothing here is needed to boot.
import type { HealthPolicy, TrialVerdict } from '@kubenest/api/agent/rpc'
import type { ImageIdentity } from '@kubenest/api/os/records'

const REASONS_MAX = 20
const REASON_CHARACTERS_MAX = 300

export type SlotName = 'A' | 'B'

/** Content of a slot as far as we know it. */
export interface SlotRecord {
  /**
   * `committed` has passed a health gate or came from the factory; `bad` was tried and fell back.
   */
  state: 'committed' | 'verified' | 'writing' | 'trial' | 'bad' | 'unrecorded'
  version?: string
  /** SHA-256 of the slot's first `sizeBytes` bytes as written, hex. */
  digest?: string
  sizeBytes?: number
  /** SHA-256 of the image on the wire, hex. */
  imageDigest?: string
  /** What the image inside brings for a trial (decision 18). */
  contract?: TrialContract
  /** Checked by looking only, because there was no recorded digest. */
  isUnverified?: boolean
}

/** `full`: our agent and the trial units; `partial`: our agent only; `none`: a foreign agent. */
export type TrialContract = 'full' | 'partial' | 'none'

/** Trials of one image on this node (decision 5). */
export interface TryRecord extends ImageIdentity {
  tries: number
  failures: number
  /** Further trials that persons have allowed and that are not used up. */
  allowed: number
  /** Tokens of `attempt` that were already counted. */
  tokens: string[]
}

/** The operation in progress, or the last one. */
export interface OperationRecord {
  id: string
  kind: 'upgrade' | 'rollback'
  target: SlotName
  image: ImageIdentity
  /** Boot in which the slot was armed. */
  armedBootId?: string
  health?: HealthPolicy
  /** A default route existed when the slot was armed. */
  hadDefaultRoute?: boolean
}

/** The last trial. */
export interface TrialRecord {
  operationId: string
  image: ImageIdentity
  target: SlotName
  verdict: TrialVerdict
  /** Boot id of the trial's start as noted by trial-start. */
  startedBootId?: string
  /** Sentences of the gate: what was not green. */
  reasons: string[]
  /** RFC 3339. */
  since: string
}

/**
 * The journal's phases. `Arming` is written before the boot environment, so that a cut between the
 * two leaves a journal that is one step behind at most (I14).
 */
export type JournalPhase =
  'Idle' | 'Writing' | 'SlotVerified' | 'Arming' | 'Armed' | 'Committed' | 'FellBack'

export interface JournalState {
  format: 1
  phase: JournalPhase
  slots: Record<SlotName, SlotRecord>
  operation?: OperationRecord
  trial?: TrialRecord
  tries: TryRecord[]
}

/**
 * State of a node that has no journal yet: what runs came from the factory or from the system
 * before us.
 */
export function initialJournalState(booted: SlotName): JournalState {
  const slots: Record<SlotName, SlotRecord> = {
    A: { state: 'unrecorded' },
    B: { state: 'unrecorded' },
  }
  slots[booted] = { state: 'committed' }
  return { format: 1, phase: 'Idle', slots, tries: [] }
}

/** The other slot. */
export function otherSlot(slot: SlotName): SlotName {
  return slot === 'A' ? 'B' : 'A'
}

/** The journal is one fixed record: what goes in has a limit. */
export function boundReasons(reasons: readonly string[]): string[] {
  return reasons.slice(0, REASONS_MAX).map((reason) => reason.slice(0, REASON_CHARACTERS_MAX))
}
