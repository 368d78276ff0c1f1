// The engine's part of `status`: slots, the last trial, reduced safety. Truthful: what is not known
// is left out (I22).
import type { AgentSlot, AgentStatus } from '@kubenest/api/agent/rpc'
import { toOsError, type OsError } from '@kubenest/base/errors'
import { readText } from '@kubenest/base/files'
import { slotOfEntry } from '../bootloader/slot-of-entry.ts'
import { describeHiddenFiles } from '../overlay/hidden-files.ts'
import { parsePrettyName } from '../backends/check-root.ts'
import { readBootId, readFacts, type EngineContext, type NodeFacts } from './engine-context.ts'
import type { SlotName } from './journal-state.ts'
import { readOpenChecks } from './open-checks.ts'
import { findTry } from './tries.ts'

export type Degradation = AgentStatus['degraded'][number]
export type NodeDescription = Pick<
  AgentStatus,
  'bootId' | 'osVersion' | 'slots' | 'trial' | 'degraded'
>

/** Describes the node; when its slots cannot be told, says so instead of failing. */
export async function describeNode(
  context: EngineContext,
  degraded: readonly Degradation[],
): Promise<NodeDescription> {
  const bootId = await readBootId(context.sysroot)
  const osVersion = await runningVersion(context)
  try {
    const facts = await readFacts(context)
    const slots = await Promise.all(
      (['A', 'B'] as const).map((name) => describeSlot(context, facts, name, osVersion)),
    )
    const trial = await describeTrial(context, facts)
    return {
      bootId,
      osVersion,
      slots,
      ...(trial === undefined ? {} : { trial }),
      degraded: [...degraded, ...unverifiedSlots(facts), ...(await hiddenFiles(context, facts))],
    }
  } catch (cause) {
    const problem = problemOf(toOsError(cause))
    const others = degraded.filter((each) => each.reason !== problem.reason)
    return { bootId, osVersion, slots: [], degraded: [...others, problem] }
  }
}

/** A surprise, never a reason to answer nothing. */
async function hiddenFiles(context: EngineContext, facts: NodeFacts): Promise<Degradation[]> {
  try {
    return await describeHiddenFiles(context, facts)
  } catch (cause) {
    context.log.warn('hidden files could not be looked for', { reason: toOsError(cause).message })
    return []
  }
}

/** Why nothing can be done on this node, as a reason of reduced safety. */
export function problemOf({ code, message }: OsError): Degradation {
  if (code === 'disk-foreign') return { reason: 'ForeignDisk', message }
  return { reason: code === 'slot-unknown' ? 'UnexpectedSlot' : 'RecoveryFailed', message }
}

/** PRETTY_NAME of what runs; empty when nothing says it. */
export async function runningVersion(context: EngineContext): Promise<string> {
  // The documented root has one os-release only, in /usr (contract 6.7 item 6).
  const release =
    (await readText(context.sysroot.path('/etc/os-release'))) ??
    (await readText(context.sysroot.path('/usr/lib/os-release')))
  return parsePrettyName(release ?? '') ?? ''
}

function unverifiedSlots(facts: NodeFacts): Degradation[] {
  return (['A', 'B'] as const)
    .filter((name) => facts.journal.slots[name].isUnverified === true)
    .map((name) => ({
      reason: 'UnverifiedSlot',
      message: `Slot ${name} had no recorded digest when it was armed: its file system was checked, its content is not known to be what was built`,
    }))
}

/** One slot as far as the journal and a look into it tell. */
export async function describeSlot(
  context: EngineContext,
  facts: NodeFacts,
  name: SlotName,
  osVersion: string,
): Promise<AgentSlot> {
  const record = facts.journal.slots[name]
  const booted = facts.booted === name
  const found = booted ? osVersion : await context.backend.versionOf(facts.slots, name)
  const version = record.version ?? found
  const isEmpty = record.state === 'unrecorded' && version === undefined
  const image = { digest: record.imageDigest ?? '', version: version ?? '' }
  return {
    name,
    booted,
    state: isEmpty ? 'empty' : record.state,
    tries: findTry(facts.journal, image).tries,
    ...(version === undefined ? {} : { version }),
    ...(record.digest === undefined ? {} : { digest: record.digest }),
    ...(record.imageDigest === undefined ? {} : { imageDigest: record.imageDigest }),
  }
}

async function describeTrial(
  context: EngineContext,
  facts: NodeFacts,
): Promise<AgentStatus['trial']> {
  const { trial } = facts.journal
  const saved = slotOfEntry(facts.environment.get('saved_entry'))
  if (trial === undefined) return undefined
  const isManual = trial.verdict === 'Committed' && facts.booted !== trial.target
  return {
    operationId: trial.operationId,
    image: trial.image,
    verdict:
      isManual || (saved !== undefined && saved !== facts.booted && trial.verdict !== 'InTrial')
        ? 'ManualRollback'
        : trial.verdict,
    reasons: trial.verdict === 'InTrial' ? await readOpenChecks(context) : trial.reasons,
    since: trial.since,
  }
}
