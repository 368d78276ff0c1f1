// What the agent does once after a boot: finishes what a power cut left half-done, notes a
// fallback, and gates by itself where the running image brings no trial units. Every step may be
// repeated.
import { stat } from '@kubenest/base/files'
import { isEnabled, isSystemdRunning } from './check-units.ts'
import { findBootLayout } from '../bootloader/boot-layout.ts'
import type { Degradation } from './describe-node.ts'
import {
  changeJournal,
  readFacts,
  timestamp,
  type EngineContext,
  type NodeFacts,
} from './engine-context.ts'
import { gateUntilDecided } from './gate-until-decided.ts'
import { judgeBoot, TRIAL_VARIABLE, type BootJudgement } from './judge-boot.ts'
import { initialJournalState, type JournalState, type SlotName } from './journal-state.ts'
import { abandoned } from './prepare-slot.ts'
import { withSlotLock } from './slot-lock.ts'
import { commitTrial, startTrial } from './trial.ts'
import { countFailure, uncountTrial } from './tries.ts'

const GATE_UNIT = 'kubenest-gate.service'
const UNIT_FOLDERS = ['/usr/lib/systemd/system', '/lib/systemd/system', '/etc/systemd/system']

/** Where work goes that outlasts the recovery. */
export interface Background {
  /** The task ends when the signal says so, and never rejects. */
  run(task: (stop: AbortSignal) => Promise<void>): void
}

/** Brings journal and boot environment in line with the boot that happened. */
export async function recoverBoot(
  context: EngineContext,
  background: Background,
  degraded: Map<string, Degradation>,
): Promise<void> {
  const facts = await readFacts(context)
  await renewRecord(context, facts)
  const judgement = judgeBoot(facts)
  switch (judgement.kind) {
    case 'steady':
      await keepSelector(context, facts)
      return
    case 'write-interrupted':
      await withSlotLock(context, async () => {
        // What a killed program wrote can be read and still be lost: steps 2 and 3 once more.
        await changeJournal(context, facts, (state) => state)
        await disarm(context, facts)
        await context.backend.discard(facts.slots, judgement.target)
        await changeJournal(context, facts, abandoned)
      })
      return
    case 'finish-commit':
      await commitTrial(context)
      return
    case 'not-armed':
      await changeJournal(context, facts, disarmed)
      return
    case 'still-armed':
      await disarm(context, facts)
      await changeJournal(context, facts, disarmed)
      return
    case 'switched-by-others':
      await disarm(context, facts)
      await changeJournal(context, facts, (state) => forgotten(state, facts.booted))
      return
    case 'fell-back':
      await disarm(context, facts)
      await changeJournal(context, facts, (state) =>
        fellBack(state, judgement, timestamp(context.clock)),
      )
      context.log.error('trial fell back', { verdict: judgement.verdict })
      return
    case 'in-trial':
    case 'manual-rollback':
      await gateHere(context, background, degraded)
  }
}

/**
 * A record of another version than the one that runs is of content that somebody else has
 * overwritten: its digest would make a later rollback to this slot fail.
 */
async function renewRecord(context: EngineContext, facts: NodeFacts): Promise<void> {
  const { booted } = facts
  const { state, version } = facts.journal.slots[booted]
  if (state !== 'committed' || version === undefined) return
  const running = await context.backend.versionOf(facts.slots, booted)
  if (running === undefined || running === version) return
  context.log.warn('the running slot was written by others', { slot: booted, version, running })
  facts.journal = await changeJournal(context, facts, (before) => {
    const slots = { ...before.slots }
    slots[booted] = { state: 'committed', version: running }
    return { ...before, slots }
  })
}

/**
 * Both copies name what runs. A primary that was lost is made anew: without any the boot loader
 * takes slot A, whatever is in it.
 */
async function keepSelector(context: EngineContext, facts: NodeFacts): Promise<void> {
  const isCommitted = facts.journal.slots[facts.booted].state === 'committed'
  const { folder } = await findBootLayout(context.sysroot)
  const hasFolder = (await stat(context.sysroot.path(folder))) !== undefined
  if (facts.environmentSource !== 'primary' && isCommitted && hasFolder) {
    await context.environment.change({ saved_entry: facts.booted })
    context.log.warn('grubenv was unreadable and is written anew', { slot: facts.booted })
  }
  await context.environment.backUp()
}

/** One write; the saved entry is repeated so that a lost block is whole again. */
async function disarm(context: EngineContext, facts: NodeFacts): Promise<void> {
  await context.environment.change({
    saved_entry: facts.booted,
    next_entry: undefined,
    [TRIAL_VARIABLE]: undefined,
  })
  await context.environment.backUp()
}

/** Without the units nobody else gates (decision 18); with them this returns at once. */
async function gateHere(
  context: EngineContext,
  background: Background,
  degraded: Map<string, Degradation>,
): Promise<void> {
  if (await hasGateUnit(context)) return
  degraded.set('PartialTrial', {
    reason: 'PartialTrial',
    message:
      'The running image has our agent and no trial units: the agent gates it, and a hang before the agent starts needs a person',
  })
  if ((await startTrial(context)) === 'falling-back') return
  background.run(async (stop) => {
    await gateUntilDecided(context, stop)
  })
}

/** A unit that is there and not enabled gates nothing. */
async function hasGateUnit(context: EngineContext): Promise<boolean> {
  if (await isSystemdRunning(context)) return isEnabled(context, GATE_UNIT)
  for (const folder of UNIT_FOLDERS)
    if ((await stat(context.sysroot.path(`${folder}/${GATE_UNIT}`))) !== undefined) return true
  return false
}

/** The slot stays verified: the caller asks again, and nothing was tried. */
function disarmed(state: JournalState): JournalState {
  const { operation } = state
  if (operation === undefined) return { ...state, phase: 'Idle' }
  const phase = operation.kind === 'upgrade' ? 'SlotVerified' : 'Idle'
  return { ...uncountTrial(state, operation.image), phase }
}

/** Both slots may hold anything by now; only what runs has proved itself. */
function forgotten(state: JournalState, booted: SlotName): JournalState {
  const { slots } = initialJournalState(booted)
  return { ...state, phase: 'Idle', slots }
}

function fellBack(
  state: JournalState,
  judgement: Extract<BootJudgement, { kind: 'fell-back' }>,
  since: string,
): JournalState {
  const { operation } = state
  if (operation === undefined) return { ...state, phase: 'FellBack' }
  const slots = { ...state.slots }
  slots[operation.target] = { ...slots[operation.target], state: 'bad' }
  const trial = {
    operationId: operation.id,
    image: operation.image,
    target: operation.target,
    verdict: judgement.verdict,
    reasons: [...judgement.reasons],
    since,
  }
  return { ...countFailure(state, operation.image), phase: 'FellBack', slots, trial }
}
