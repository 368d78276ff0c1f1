// A slot booted by hand is a person's decision (decision 22): held until the OS object changes.
import type { Os, OsInstance } from '@kubenest/api/os/os'
import type { ManualHold, OperationRecord, Verdict } from '@kubenest/api/os/records'
import type { Facts } from './facts.ts'
import { isSameImage, readHold, timestamp, verdictOn, wantedImage } from './operation-record.ts'

/** The hold that applies to what this OS object wants now; `undefined` when the node is free. */
export function findManualRollback(
  facts: Facts,
  instance: OsInstance,
  os: Os,
  nowMs: number,
): ManualHold | undefined {
  const known = readHold(instance)
  if (known !== undefined && isUnchanged(known, os)) return known
  if (facts.agent.state !== 'described') return undefined
  const { trial, osVersion } = facts.agent.status
  if (trial?.verdict !== 'ManualRollback' || !isSameImage(trial.image, wantedImage(os)))
    return undefined
  // The OS object changed after that return was respected: only a newer one counts.
  if (known !== undefined && Date.parse(trial.since) <= Date.parse(known.at)) return undefined
  return {
    osUid: os.metadata.uid ?? '',
    osGeneration: os.metadata.generation ?? 0,
    version: osVersion,
    at: timestamp(nowMs),
  }
}

/** Skipped, not failed: it does not count against the rollout. */
export function manualVerdict(operation: OperationRecord, nowMs: number): Verdict {
  return verdictOn(operation, 'Skipped', {
    reason: 'ManualRollback',
    message:
      'A person booted another slot by hand; change the OS object to upgrade this node again',
    nowMs,
  })
}

function isUnchanged(hold: ManualHold, os: Os): boolean {
  return hold.osUid === os.metadata.uid && hold.osGeneration === os.metadata.generation
}
