// A trial boot from its start to its verdict: the mark of the start, the gate's looks, the commit.
// The same functions serve the trial units and an agent whose image has none (decision 18).
import type { ReportParams } from '@kubenest/api/agent/rpc'
import { toOsError } from '@kubenest/base/errors'
import { ensureDirectory, readText, writeFile } from '@kubenest/base/files'
import { slotOfEntry } from '../bootloader/slot-of-entry.ts'
import { checkHealth, hasDefaultRoute } from './check-health.ts'
import {
  changeJournal,
  readFacts,
  RUN_FOLDER,
  timestamp,
  type EngineContext,
  type NodeFacts,
} from './engine-context.ts'
import { HEALTH_CONFIG_FILE, parseHealthConfig, type HealthConfig } from './health-config.ts'
import { judgeBoot, TRIAL_VARIABLE } from './judge-boot.ts'
import { judgeHealth, type HealthVerdict } from './judge-health.ts'
import type { JournalState, OperationRecord } from './journal-state.ts'

const TRIAL_MARK = `${RUN_FOLDER}/trial`
/** Made when nothing is left to decide in this boot: the deadline unit does not even start then. */
const DECIDED_MARK = `${RUN_FOLDER}/decided`
const REPORT_FILE = `${RUN_FOLDER}/report`

/** What became of a trial. */
export type TrialOutcome = 'no-trial' | 'committed' | 'falling-back'

/** Notes the start of a trial; the second start of the same trial disarms and reboots (step 14). */
export async function startTrial(context: EngineContext): Promise<TrialOutcome | 'started'> {
  const facts = await readFacts(context)
  const operation = facts.journal.operation
  if (judgeBoot(facts).kind !== 'in-trial' || operation === undefined) {
    await mark(context, DECIDED_MARK, '')
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
  await mark(context, TRIAL_MARK, `${await uptimeMs(context)}\n`)
  return 'started'
}

/** Looks until the trial is decided; commits it, or notes why not and reboots into the old slot. */
export async function gateTrial(
  context: EngineContext,
  signal: AbortSignal,
): Promise<TrialOutcome> {
  const facts = await readFacts(context)
  const judgement = judgeBoot(facts).kind
  if (judgement === 'finish-commit') {
    await commitTrial(context)
    return 'committed'
  }
  if (judgement !== 'in-trial' && judgement !== 'manual-rollback') return 'no-trial'
  const verdict = await lookUntilDecided(context, facts, signal)
  if (verdict.kind === 'commit') {
    await commitTrial(context)
    return 'committed'
  }
  if (judgement === 'manual-rollback') {
    context.log.warn('the slot chosen by hand is not healthy and is not saved')
    return 'no-trial'
  }
  await failTrial(context, verdict.kind === 'fall-back' ? verdict.reasons : [])
  return 'falling-back'
}

/** Reboots into the old slot when the trial of this boot is past its deadline. */
export async function enforceDeadline(context: EngineContext): Promise<TrialOutcome> {
  const facts = await readFacts(context)
  if (judgeBoot(facts).kind !== 'in-trial') return 'no-trial'
  const { deadlineMs } = await deadlineOf(context, facts.journal.operation)
  // Without the mark (the early unit failed) the trial is as old as the boot.
  const startedMs = Number((await readText(context.sysroot.path(TRIAL_MARK))) ?? '0')
  if ((await uptimeMs(context)) - startedMs < deadlineMs) return 'no-trial'
  const reason = `The trial was not decided within ${deadlineMs / 1000} s`
  await failTrial(context, [...(facts.journal.trial?.reasons ?? []), reason])
  return 'falling-back'
}

/**
 * Makes the running slot the one that boots by itself: one block, then its records (steps 16 and
 * 17).
 */
export async function commitTrial(context: EngineContext): Promise<void> {
  const facts = await readFacts(context)
  const kind = judgeBoot(facts).kind
  if (kind !== 'in-trial' && kind !== 'finish-commit' && kind !== 'manual-rollback') return
  if (slotOfEntry(facts.environment.get('saved_entry')) !== facts.booted)
    await context.environment.change({
      saved_entry: facts.booted,
      next_entry: undefined,
      [TRIAL_VARIABLE]: undefined,
    })
  await changeJournal(context, facts, (state) =>
    markCommitted(state, facts, kind === 'manual-rollback', timestamp(context.clock)),
  )
  await context.environment.backUp()
  await mark(context, DECIDED_MARK, '')
  context.log.info('slot is committed', { slot: facts.booted })
}

/** What the cluster sees, for a gate that may be another process; forgotten at the next boot. */
export async function keepReport(context: EngineContext, report: ReportParams): Promise<void> {
  await mark(context, REPORT_FILE, JSON.stringify(report))
}

/** A file that lives until the next boot. */
async function mark(context: EngineContext, file: string, content: string): Promise<void> {
  await ensureDirectory(context.sysroot.path(RUN_FOLDER), 0o700)
  await writeFile(context.sysroot.path(file), content, 0o600)
}

async function lookUntilDecided(
  context: EngineContext,
  facts: NodeFacts,
  signal: AbortSignal,
): Promise<HealthVerdict> {
  const startedMs = context.clock.monotonicMs()
  const operation = facts.journal.operation
  for (let redLooks = 0; ;) {
    const verdict = await look(
      context,
      operation,
      context.clock.monotonicMs() - startedMs,
      redLooks,
    )
    if (verdict.kind !== 'wait') return verdict
    redLooks = verdict.redLooks
    const { lookIntervalMs } = await deadlineOf(context, operation)
    await context.clock.sleep(lookIntervalMs, signal)
  }
}

async function look(
  context: EngineContext,
  operation: OperationRecord | undefined,
  elapsedMs: number,
  redLooksBefore: number,
): Promise<HealthVerdict> {
  const config = await deadlineOf(context, operation)
  return judgeHealth({
    config,
    elapsedMs,
    checks: await checkHealth(context, config),
    redLooksBefore,
    report: await readReport(context),
    policy: operation?.health?.policy ?? 'Strict',
    hadDefaultRoute: operation?.hadDefaultRoute ?? false,
    hasDefaultRoute: await hasDefaultRoute(context),
  })
}

/**
 * The file of the image; a deadline sent with the operation wins. A broken file gives the defaults.
 */
async function deadlineOf(
  context: EngineContext,
  operation: OperationRecord | undefined,
): Promise<HealthConfig> {
  const config = await readHealthConfig(context)
  const seconds = operation?.health?.deadlineSeconds
  return seconds === undefined ? config : { ...config, deadlineMs: seconds * 1000 }
}

async function readHealthConfig(context: EngineContext): Promise<HealthConfig> {
  try {
    return parseHealthConfig(await readText(context.sysroot.path(HEALTH_CONFIG_FILE)))
  } catch (error) {
    // A typing error in one file must neither commit nor condemn an image: the defaults are strict.
    context.log.warn('health.toml is broken; its defaults apply', {
      reason: toOsError(error).message,
    })
    return parseHealthConfig(undefined)
  }
}

async function readReport(context: EngineContext): Promise<ReportParams | undefined> {
  const text = await readText(context.sysroot.path(REPORT_FILE))
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as ReportParams
  } catch {
    // Caught in the middle of a write: the next look reads it again.
    return undefined
  }
}

async function failTrial(context: EngineContext, reasons: readonly string[]): Promise<void> {
  const facts = await readFacts(context)
  await changeJournal(context, facts, (state) => markUnhealthy(state, reasons))
  context.log.error('trial is not healthy; returning to the committed slot', {
    reasons: reasons.join('; '),
  })
  await context.reboot()
}

function markStarted(state: JournalState, bootId: string, since: string): JournalState {
  const { operation } = state
  if (operation === undefined) return state
  const slots = { ...state.slots }
  slots[operation.target] = { ...slots[operation.target], state: 'trial' }
  const { id: operationId, image, target } = operation
  const trial = { operationId, image, target, since, startedBootId: bootId, reasons: [] }
  return { ...state, phase: 'Armed', slots, trial: { ...trial, verdict: 'InTrial' } }
}

function markUnhealthy(state: JournalState, reasons: readonly string[]): JournalState {
  if (state.trial === undefined) return state
  return { ...state, trial: { ...state.trial, reasons: reasons.slice(0, 20) } }
}

function markCommitted(
  state: JournalState,
  facts: NodeFacts,
  isManual: boolean,
  since: string,
): JournalState {
  const slots = { ...state.slots }
  slots[facts.booted] = { ...slots[facts.booted], state: 'committed' }
  if (isManual) return { ...state, phase: 'Idle', slots }
  const { operation } = state
  if (operation === undefined) return { ...state, slots }
  const { id: operationId, image, target } = operation
  const trial = { operationId, image, target, reasons: [], verdict: 'Committed' as const, since }
  return { ...state, phase: 'Committed', slots, trial: { ...state.trial, ...trial } }
}

async function uptimeMs(context: EngineContext): Promise<number> {
  const text = (await readText(context.sysroot.path('/proc/uptime'))) ?? '0'
  return Math.round(Number(text.split(' ')[0]) * 1000)
}
