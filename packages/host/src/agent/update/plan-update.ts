// Whether an operation may start, and on which slot. Pure: facts in; a plan out, or a refusal that
// names the state and the remedy.
import type { ImageIdentity } from '@kubenest/api/os/records'
import { OsError } from '@kubenest/base/errors'
import { slotOfEntry } from '../bootloader/slot-of-entry.ts'
import type { BootFacts } from './judge-boot.ts'
import { otherSlot, type OperationRecord, type SlotName, type SlotRecord } from './journal-state.ts'
import { mayTry } from './tries.ts'

export type PreparePlan =
  { readonly kind: 'already-verified' } | { readonly kind: 'stage'; readonly target: SlotName }

/** Steps 1 of an upgrade (reliability 4.2); the same digest again writes nothing (decision 14). */
export function planPrepare(facts: BootFacts, image: ImageIdentity): PreparePlan {
  if (isArmedHere(facts, 'upgrade') && isSameImage(facts.journal.operation?.image, image))
    return { kind: 'already-verified' }
  assertSettled(facts)
  if (!mayTry(facts.journal, image)) throw failedBefore(image)
  const target = otherSlot(facts.booted)
  const slot = facts.journal.slots[target]
  const isSame = slot.imageDigest === image.digest && slot.version === image.version
  return facts.journal.phase === 'SlotVerified' && slot.state === 'verified' && isSame
    ? { kind: 'already-verified' }
    : { kind: 'stage', target }
}

/** What `upgrade` arms: only a slot that this agent has verified. */
export function planActivate(facts: BootFacts): {
  readonly operation: OperationRecord
  readonly isRepeat: boolean
} {
  const { journal } = facts
  const { operation } = journal
  if (operation !== undefined && isArmedHere(facts, 'upgrade')) return { operation, isRepeat: true }
  assertSettled(facts)
  if (journal.phase !== 'SlotVerified' || operation === undefined)
    throw new OsError('blocked', {
      code: 'nothing-prepared',
      message: `Cannot upgrade: the agent is in phase ${journal.phase} and no slot is verified; call prepare_upgrade first`,
    })
  if (!mayTry(journal, operation.image)) throw failedBefore(operation.image)
  return { operation, isRepeat: false }
}

/**
 * What `rollback` arms (decision 21): a slot that has committed, or one without a record, to be
 * looked into.
 */
export function planRollBack(facts: BootFacts): {
  readonly target: SlotName
  readonly slot: SlotRecord
  /** The operation that is armed already and only waits for its reboot. */
  readonly repeated: OperationRecord | undefined
} {
  const repeated = isArmedHere(facts, 'rollback') ? facts.journal.operation : undefined
  if (repeated === undefined) assertSettled(facts)
  const target = otherSlot(facts.booted)
  const slot = facts.journal.slots[target]
  if (slot.state === 'committed' || slot.state === 'unrecorded') return { target, slot, repeated }
  throw new OsError('blocked', {
    code: 'no-previous',
    message: `Cannot roll back: slot ${target} holds ${slot.version ?? 'an image'} in state ${slot.state}, which has never passed a health gate; upgrade to the old image instead`,
  })
}

/** Armed in this very boot, and no reboot came: the caller may repeat, nothing was tried yet. */
function isArmedHere(facts: BootFacts, kind: OperationRecord['kind']): boolean {
  const { phase, operation } = facts.journal
  const isArmed = phase === 'Arming' || phase === 'Armed'
  const isHere = operation?.armedBootId === facts.bootId && operation.target !== facts.booted
  return isArmed && isHere && operation.kind === kind
}

function isSameImage(left: ImageIdentity | undefined, right: ImageIdentity): boolean {
  return left?.digest === right.digest && left.version === right.version
}

/** No trial is open and the boot loader boots by itself what runs now (I4). */
function assertSettled(facts: BootFacts): void {
  const { journal, booted, environment } = facts
  if (journal.phase === 'Arming' || journal.phase === 'Armed')
    throw new OsError('blocked', {
      code: 'trial-open',
      message: `Cannot start: operation ${journal.operation?.id ?? ''} is armed and not decided; wait for its verdict`,
    })
  const saved = slotOfEntry(environment.get('saved_entry'))
  if (saved !== undefined && saved !== booted)
    throw new OsError('blocked', {
      code: 'running-slot-not-saved',
      message: `Cannot start: slot ${booted} runs and the boot loader would boot ${saved}; wait until the health gate has saved ${booted}`,
    })
}

function failedBefore(image: ImageIdentity): OsError {
  return new OsError('blocked', {
    code: 'image-failed-before',
    message: `Cannot try ${image.version}: this image (${image.digest}) fell back on this node; allow one more trial with kubectl os allow, or with os-agent allow on the node`,
    fields: { digest: image.digest, version: image.version },
  })
}
