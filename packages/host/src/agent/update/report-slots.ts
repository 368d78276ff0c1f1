// Both slots in full, as a person asks for them on the node: where each is, what it holds, and
// which of them the boot loader takes next.
import type { AgentSlotDetail } from '@kubenest/api/agent/rpc'
import { slotOfEntry } from '../bootloader/slot-of-entry.ts'
import { describeSlot, runningVersion } from './describe-node.ts'
import { readFacts, type EngineContext } from './engine-context.ts'

/** Looks at both slots; throws when they cannot be told. */
export async function reportSlots(context: EngineContext): Promise<AgentSlotDetail[]> {
  const facts = await readFacts(context)
  const osVersion = await runningVersion(context)
  const saved = slotOfEntry(facts.environment.get('saved_entry'))
  const next = slotOfEntry(facts.environment.get('next_entry'))
  const { devices, sizesBytes, partuuids } = facts.slots
  return Promise.all(
    (['A', 'B'] as const).map(async (name) => {
      const partuuid = name === 'A' ? partuuids?.a : partuuids?.b
      return {
        ...(await describeSlot(context, facts, name, osVersion)),
        device: devices[name],
        sizeBytes: sizesBytes[name],
        ...(partuuid === undefined ? {} : { partuuid }),
        isSaved: saved === name,
        isNext: next === name,
      }
    }),
  )
}
