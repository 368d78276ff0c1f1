// Steps 10 to 12: the other slot is read once more, then armed for one boot by one write. Repeating
// an arming that was not followed by a reboot does the same again and counts nothing twice.
import type { OperationExtras } from '@kubenest/api/agent/rpc'
import { isOsError, toOsError } from '@kubenest/base/errors'
import { hasDefaultRoute } from './check-health.ts'
import { changeJournal, readFacts, type EngineContext, type NodeFacts } from './engine-context.ts'
import { takenBack, TRIAL_VARIABLE } from './judge-boot.ts'
import type { JournalState, OperationRecord, SlotRecord } from './journal-state.ts'
import { extrasOf, newOperation } from './new-operation.ts'
import { planActivate, planRollBack } from './plan-update.ts'
import { countTrial } from './tries.ts'

/** Arms the verified slot; returns the operation. */
export async function armUpgrade(
  context: EngineContext,
  extras: OperationExtras,
): Promise<{ readonly isForGood: boolean }> {
  const facts = await readFacts(context)
  const plan = planActivate(facts)
  const operation = { ...plan.operation, ...extrasOf(extras) }
  const slot = facts.journal.slots[operation.target]
  try {
    await context.backend.check(facts.slots, operation.target, recordOf(slot))
  } catch (error) {
    // Else a repeated prepare would call the rotten slot verified for ever.
    if (isOsError(error) && error.kind === 'integrity') await condemn(context, facts, operation)
    throw error
  }
  const isForGood = slot.contract === 'none'
  await arm(context, facts, operation, { isForGood, isRepeat: plan.isRepeat })
  return { isForGood }
}

/** Arms the previous slot (decision 21). */
export async function armRollback(context: EngineContext, extras: OperationExtras): Promise<void> {
  const facts = await readFacts(context)
  const { target, slot, repeated } = planRollBack(facts)
  const record = recordOf(slot)
  const found = await context.backend.check(facts.slots, target, record)
  const version = slot.version ?? found.version ?? ''
  const image = { digest: slot.imageDigest ?? '', version }
  const operation = repeated ?? newOperation(extras, 'rollback', target, image)
  await changeJournal(context, facts, (state) => {
    const slots = { ...state.slots }
    slots[target] = { ...slot, version, contract: found.contract }
    if (record === undefined) slots[target].isUnverified = true
    return { ...state, slots }
  })
  const isForGood = found.contract === 'none'
  await arm(context, facts, operation, { isForGood, isRepeat: repeated !== undefined })
}

/**
 * The intent, the one write that arms, the fact. An image without the trial contract is switched
 * the documented way, which the journal says (decision 18).
 */
async function arm(
  context: EngineContext,
  facts: NodeFacts,
  operation: OperationRecord,
  { isForGood, isRepeat }: { readonly isForGood: boolean; readonly isRepeat: boolean },
): Promise<void> {
  const armed = {
    ...operation,
    armedBootId: facts.bootId,
    hadDefaultRoute: await hasDefaultRoute(context),
  }
  await changeJournal(context, facts, (state) => ({
    ...withoutTrialOf(isRepeat ? state : countTrial(state, operation.image), operation.id),
    phase: 'Arming',
    operation: armed,
  }))
  try {
    await context.environment.change({
      saved_entry: isForGood ? operation.target : facts.booted,
      next_entry: isForGood ? undefined : operation.target,
      [TRIAL_VARIABLE]: operation.id,
    })
    await changeJournal(context, facts, (state) => ({ ...state, phase: 'Armed' }))
  } catch (error) {
    await takeBack(context, facts, operation)
    throw error
  }
  context.log.info('slot is armed', { slot: operation.target, operation: operation.id })
}

/**
 * After a flush that failed nothing may be armed: what the medium has is not known, and the caller
 * hears of a failure.
 */
async function takeBack(
  context: EngineContext,
  facts: NodeFacts,
  { id }: OperationRecord,
): Promise<void> {
  try {
    await context.environment.change({
      saved_entry: facts.booted,
      next_entry: undefined,
      // The record "armed" may be on the medium, and the next boot would miss a trial.
      [TRIAL_VARIABLE]: takenBack(id),
    })
  } catch (cause) {
    context.log.error('a failed arming could not be taken back', {
      reason: toOsError(cause).message,
    })
  }
}

/**
 * A caller may use an id again, for the way back of what it brought: what started under that id
 * must not count as this trial's first start.
 */
function withoutTrialOf(state: JournalState, operationId: string): JournalState {
  if (state.trial?.operationId !== operationId) return state
  const { trial: _, ...rest } = state
  return rest
}

/** Nothing may boot the slot any more, and the next prepare writes it anew. */
async function condemn(
  context: EngineContext,
  facts: NodeFacts,
  { target }: OperationRecord,
): Promise<void> {
  await context.environment.change({
    saved_entry: facts.booted,
    next_entry: undefined,
    [TRIAL_VARIABLE]: undefined,
  })
  await changeJournal(context, facts, (state) => {
    const slots = { ...state.slots }
    slots[target] = { state: 'writing' }
    return { ...state, phase: 'Idle', slots }
  })
  await context.backend.blank(facts.slots, target)
}

function recordOf({ digest, sizeBytes }: SlotRecord) {
  return digest === undefined || sizeBytes === undefined ? undefined : { digest, sizeBytes }
}
