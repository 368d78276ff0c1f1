// Reads both slots whole and compares them with what was recorded when they were written: has a
// medium rotted, has somebody written beside us? Changes nothing; arming compares again.
import { readFacts, type EngineContext, type NodeFacts } from './engine-context.ts'
import type { SlotName } from './journal-state.ts'
import { withSlotLock } from './slot-lock.ts'

/** What became of one slot. */
export interface SlotVerification {
  readonly name: SlotName
  /** `no-record`: nothing to compare with (empty, half-written, or made before us). */
  readonly outcome: 'matches' | 'differs' | 'no-record'
  /** SHA-256 that the journal has, hex. */
  readonly recorded?: string
  /** SHA-256 of what is on the medium, hex; absent when there was nothing to compare with. */
  readonly found?: string
  /** Sentence for people, with the remedy where there is one. */
  readonly message: string
}

/**
 * Verifies both slots; throws code `slot-locked` while an operation writes one, `cancelled` after
 * the signal.
 */
export function verifySlots(
  context: EngineContext,
  signal: AbortSignal,
): Promise<SlotVerification[]> {
  return withSlotLock(context, async () => {
    const facts = await readFacts(context)
    const found: SlotVerification[] = []
    // One after the other: two streams from one disk are slower than one.
    for (const name of ['A', 'B'] as const) found.push(await verify(context, facts, name, signal))
    return found
  })
}

async function verify(
  context: EngineContext,
  facts: NodeFacts,
  name: SlotName,
  signal: AbortSignal,
): Promise<SlotVerification> {
  const { digest: recorded, sizeBytes, state } = facts.journal.slots[name]
  if (recorded === undefined || sizeBytes === undefined)
    return { name, outcome: 'no-record', message: noRecord(facts, name, state) }
  const rest = async () => signal.throwIfAborted()
  const found = await context.backend.digestOf(facts.slots, name, { sizeBytes, rest })
  if (found === recorded)
    return { name, outcome: 'matches', recorded, found, message: `Slot ${name} is as written` }
  const remedy =
    facts.booted === name
      ? 'the disk is failing or the root was mounted for writing: upgrade to the same image, which goes to the other slot'
      : 'it will not be booted: upgrade to its image again'
  const message = `Slot ${name} is not what was written to it; ${remedy}`
  return { name, outcome: 'differs', recorded, found, message }
}

function noRecord({ booted }: NodeFacts, name: SlotName, state: string): string {
  const why =
    booted === name
      ? 'its digest is taken in the background after its first committed start'
      : `its state is ${state}`
  return `Slot ${name} has no recorded digest: ${why}`
}
