// What the boot menu does, as a function: the real one is asked in the other proofs, here there are
// millions of boots. A test compares the two.
import { isGrubEnvironment, parseGrubEnvironment } from '@kubenest/provision/boot/grub-environment'
import { slotOfEntry } from '../../../src/agent/bootloader/slot-of-entry.ts'
import type { SlotName } from '../../../src/agent/update/journal-state.ts'

export interface GrubChoice {
  readonly slot: SlotName | 'none'
  /** The slot was taken from next_entry, which must be cleared before. */
  readonly isTrial: boolean
}

// Contents of the disk never change in place: a write makes another array.
const parsed = new WeakMap<Uint8Array, ReadonlyMap<string, string>>()

/** Variables of a block; empty when it is unreadable. */
export function variablesOf(block: Uint8Array | undefined): ReadonlyMap<string, string> {
  if (block === undefined) return new Map()
  const known = parsed.get(block)
  if (known !== undefined) return known
  const variables = isGrubEnvironment(block) ? parseGrubEnvironment(block) : new Map()
  parsed.set(block, variables)
  return variables
}

/** Chooses a slot. */
export function chooseSlot(
  primary: Uint8Array | undefined,
  backup: Uint8Array | undefined,
  isBootable: (slot: SlotName) => boolean,
): GrubChoice {
  const variables = variablesOf(primary)
  const own = slotOfEntry(variables.get('saved_entry'))
  const saved = own ?? slotOfEntry(variablesOf(backup).get('saved_entry')) ?? 'A'
  const next = own === undefined ? undefined : slotOfEntry(variables.get('next_entry'))
  const wanted = next ?? saved
  if (isBootable(wanted)) return { slot: wanted, isTrial: next !== undefined }
  const other = wanted === 'A' ? 'B' : 'A'
  return { slot: isBootable(other) ? other : 'none', isTrial: next !== undefined }
}
