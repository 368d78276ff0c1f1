// A trial boot from its start to its verdict: the mark of the start, the gate's looks, the commit.
// The same functions serve the trial units and an agent whose image has none (decision 18).
import type { ReportParams } from '@kubenest/api/agent/rpc'
import { toOsError } from '@kubenest/base/errors'
import { readText } from '@kubenest/base/files'
import { TRIAL_ARGUMENT } from '@kubenest/provision/boot/grub-config'
import { slotOfEntry } from '../bootloader/slot-of-entry.ts'
import { markBoot } from './boot-mark.ts'
import {
  changeJournal,
  readFacts,
  RUN_FOLDER,
  timestamp,
  type EngineContext,
  type NodeFacts,
} from './engine-context.ts'
import { lookUntilDecided, openReasons, REPORT_FILE, trialConfig } from './gate-looks.ts'
import { judgeBoot, TRIAL_VARIABLE } from './judge-boot.ts'
import { boundReasons, type JournalState } from './journal-state.ts'

const TRIAL_MARK = `${RUN_FOLDER}/trial`
/** Made when nothing is left to decide in this boot: the deadline unit does not even start then. */
const DECIDED_MARK = `${RUN_FOLDER}/decided`

/** What became of a trial. */
export type TrialOutcome = 'no-trial' | 'committed' | 'falling-back'

/** Notes the start of a trial; the second start of the same trial disarms and reboots (step 14). */
export async function startTrial(context: EngineContext): Promise<TrialOutcome | 'started'> {
  const facts = await readFacts(context)
  const operation = facts.journal.operation
  if (judgeBoot(facts).kind !== 'in-trial' || operation === undefined) {
    // Not while the boot menu says otherwise: a lost journal must not switch the deadline off.
    if (!(await isUndecided(context, facts))) await markBoot(context, DECIDED_MARK, '')
    return 'no-trial'
  }
  const known = facts.journal.trial
  if (known?.operationId === operation.id && known.startedBootId !== undefined) {
    if (known.startedBootId === facts.bootId) return 'started'
    await context.environment.change({ next_entry: undefined })
    context.log.warn('a trial started twice; returning to the committed slot')
    await context.reboot()
    return 'falling-back'
  }
  await changeJournal(context, facts, (state) =>
    markStarted(state, facts.bootId, timestamp(context.clock)),
  )
  await markBoot(context, TRIAL_MARK, `${await uptimeMs(context)}\n`)
  return 'started'
}

/** Looks until the trial is decided; commits it, or notes why not and reboots into the old slot. */
export async function gateTrial(
  context: EngineContext,
  signal: AbortSignal,
): Promise<TrialOutcome> {
  // The early unit may have failed: what it notes is needed for a verdict.
  if ((await startTrial(context)) === 'falling-back') return 'falling-back'
  const facts = await readFacts(context)
  const judgement = judgeBoot(facts).kind
  if (judgement === 'finish-commit') {
    await commitTrial(context)
    return 'committed'
  }
  if (judgement !== 'in-trial' && judgement !== 'manual-rollback') return 'no-trial'
  const { operation } = facts.journal
  const verdict = await lookUntilDecided(context, operation, await trialAgeMs(context), signal)
  if (verdict.kind === 'commit') {
    await commitTrial(context, verdict.notes)
    return 'committed'
  }
  if (judgement === 'manual-rollback') {
    context.log.warn('the slot chosen by hand is not healthy and is not saved')
    return 'no-trial'
  }
  return failTrial(context, facts, verdict.kind === 'fall-back' ? verdict.reasons : [])
}

/** Reboots into the old slot when the trial of this boot is past its deadline. */
export async function enforceDeadline(context: EngineContext): Promise<TrialOutcome> {
  const facts = await readFactsIfPossible(context)
  if (!(await isUndecided(context, facts))) return 'no-trial'
  const config = await trialConfig(context, facts?.journal.operation)
  if ((await trialAgeMs(context)) < config.deadlineMs) return 'no-trial'
  const late = `The trial was not decided within ${config.deadlineMs / 1000} s`
  return failTrial(context, facts, [late, ...(await openReasons(context, config))])
}

/**
 * The journal tells; where persist or the slots cannot be read the boot menu's word counts, because
 * a new version that cannot even mount persist must return, too. The menu says it once per arming.
 */
async function isUndecided(context: EngineContext, facts: NodeFacts | undefined): Promise<boolean> {
  if (facts !== undefined && judgeBoot(facts).kind === 'in-trial') return true
  const words = ((await readText(context.sysroot.path('/proc/cmdline'))) ?? '').trim().split(/\s+/)
  if (!words.includes(TRIAL_ARGUMENT)) return false
  return facts === undefined || slotOfEntry(facts.environment.get('saved_entry')) !== facts.booted
}

async function readFactsIfPossible(context: EngineContext): Promise<NodeFacts | undefined> {
  try {
    return await readFacts(context)
  } catch (cause) {
    context.log.error('the state of this boot cannot be read', {
      reason: toOsError(cause).message,
    })
    return undefined
  }
}

/**
 * Makes the running slot the one that boots by itself: one block, then its records (steps 16 and
 * 17). `notes` are what a person shall know of a trial that was good.
 */
export async function commitTrial(
  context: EngineContext,
  notes: readonly string[] = [],
): Promise<void> {
  const facts = await readFacts(context)
  const kind = judgeBoot(facts).kind
  if (kind !== 'in-trial' && kind !== 'finish-commit' && kind !== 'manual-rollback') return
  const since = timestamp(context.clock)
  // Also when it reads as done: a kill or a failed flush may have left it written and not durable,
  // and the journal must never say "committed" before that (I22).
  await context.environment.change({
    saved_entry: facts.booted,
    next_entry: undefined,
    [TRIAL_VARIABLE]: undefined,
  })
  await changeJournal(context, facts, (state) =>
    markCommitted(state, facts, { isManual: kind === 'manual-rollback', notes, since }),
  )
  await context.environment.backUp()
  await markBoot(context, DECIDED_MARK, '')
  context.log.info('slot is committed', { slot: facts.booted })
}

/** What the cluster sees, for a gate that may be another process; forgotten at the next boot. */
export async function keepReport(context: EngineContext, report: ReportParams): Promise<void> {
  await markBoot(context, REPORT_FILE, JSON.stringify(report))
}

/** Notes why, and reboots whether or not it could be noted: the old slot is what boots next. */
async function failTrial(
  context: EngineContext,
  facts: NodeFacts | undefined,
  reasons: readonly string[],
): Promise<TrialOutcome> {
  if (facts !== undefined && (await noteFailure(context, facts, reasons)) === 'committed')
    return 'committed'
  context.log.error('trial is not healthy; returning to the committed slot', {
    reasons: reasons.join('; '),
  })
  await context.reboot()
  return 'falling-back'
}

async function noteFailure(
  context: EngineContext,
  facts: NodeFacts,
  reasons: readonly string[],
): Promise<'noted' | 'committed'> {
  try {
    const since = timestamp(context.clock)
    const state = await changeJournal(context, facts, (before) =>
      before.phase === 'Armed' || before.phase === 'Arming'
        ? markUnhealthy(markStarted(before, facts.bootId, since), reasons)
        : before,
    )
    // Gate and deadline are two processes: the other one may have committed in this moment.
    const isCommitted = state.phase === 'Committed' && state.operation?.target === facts.booted
    return isCommitted ? 'committed' : 'noted'
  } catch (cause) {
    context.log.error('the reasons could not be noted', { reason: toOsError(cause).message })
    return 'noted'
  }
}

function markStarted(state: JournalState, bootId: string, since: string): JournalState {
  const { operation } = state
  if (operation === undefined || state.trial?.startedBootId === bootId) return state
  const slots = { ...state.slots }
  slots[operation.target] = { ...slots[operation.target], state: 'trial' }
  const { id: operationId, image, target } = operation
  const trial = { operationId, image, target, since, startedBootId: bootId, reasons: [] }
  return { ...state, phase: 'Armed', slots, trial: { ...trial, verdict: 'InTrial' } }
}

function markUnhealthy(state: JournalState, reasons: readonly string[]): JournalState {
  if (state.trial === undefined) return state
  return { ...state, trial: { ...state.trial, reasons: boundReasons(reasons) } }
}

function markCommitted(
  state: JournalState,
  facts: NodeFacts,
  how: { readonly isManual: boolean; readonly notes: readonly string[]; readonly since: string },
): JournalState {
  const slots = { ...state.slots }
  slots[facts.booted] = { ...slots[facts.booted], state: 'committed' }
  if (how.isManual) return { ...state, phase: 'Idle', slots }
  const { operation } = state
  if (operation === undefined) return { ...state, slots }
  const { id: operationId, image, target } = operation
  const reasons = boundReasons(how.notes)
  const { since } = how
  const trial = { operationId, image, target, reasons, verdict: 'Committed' as const, since }
  return { ...state, phase: 'Committed', slots, trial: { ...state.trial, ...trial } }
}

/** Without the mark (the early unit failed) the trial is as old as the boot. */
async function trialAgeMs(context: EngineContext): Promise<number> {
  const startedMs = Number((await readText(context.sysroot.path(TRIAL_MARK))) ?? '0')
  return Math.max(0, (await uptimeMs(context)) - startedMs)
}

async function uptimeMs(context: EngineContext): Promise<number> {
  const text = (await readText(context.sysroot.path('/proc/uptime'))) ?? '0'
  return Math.round(Number(text.split(' ')[0]) * 1000)
}
