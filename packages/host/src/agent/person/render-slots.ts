// Slots as a person reads them. Pure.
import type { AgentSlotDetail } from '@kubenest/api/agent/rpc'
import type { SlotVerification } from '../update/verify-slots.ts'

/** Paragraphs of `os-agent slots`, one for each slot. */
export function renderSlots(slots: readonly AgentSlotDetail[]): string {
  return slots.map(renderSlot).join('\n')
}

function renderSlot(slot: AgentSlotDetail): string {
  const partuuid = slot.partuuid === undefined ? '' : ` (PARTUUID ${slot.partuuid})`
  const rows: [string, string | undefined][] = [
    ['Version', slot.version],
    ['State', `${slot.state}: ${STATES[slot.state]}`],
    ['Boots', bootsOf(slot)],
    ['Device', `${slot.device}${partuuid}, ${slot.sizeBytes} bytes`],
    ['Digest', slot.digest],
    ['Image', slot.imageDigest],
    ['Trials', slot.tries === 0 ? undefined : String(slot.tries)],
  ]
  const lines = rows
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => `  ${name.padEnd(8)} ${value}`)
  return [`Slot ${slot.name}${slot.booted ? ' (running)' : ''}`, ...lines, ''].join('\n')
}

function bootsOf({ isSaved, isNext }: AgentSlotDetail): string {
  if (isNext) return isSaved ? 'next, and by itself' : 'next, once, on trial'
  return isSaved ? 'by itself' : 'only when chosen'
}

const STATES: Readonly<Record<AgentSlotDetail['state'], string>> = {
  committed: 'has been healthy on this node',
  verified: 'written and read back, not booted yet',
  writing: 'a write did not come to its end; it cannot boot',
  trial: 'boots on trial',
  bad: 'was tried and fell back',
  unrecorded: 'was there before the agent, or is not known',
  empty: 'holds no system',
}

/** Lines of `os-agent verify`. */
export function renderVerifications(found: readonly SlotVerification[]): string {
  return found
    .map(({ message, recorded, found: digest, outcome }) =>
      outcome === 'differs'
        ? `${message}\n  recorded ${recorded}\n  found    ${digest}\n`
        : `${message}\n`,
    )
    .join('')
}
