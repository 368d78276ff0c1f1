// The update engine: one operation on the standby slot, armed by one write, decided by a trial.
// Decisions are in judge-boot.ts and plan-update.ts; here is the order of the effects (reliability
// 4.2).
import type { OperationExtras, PrepareUpgradeParams } from '@kubenest/api/agent/rpc'
import type { ImageIdentity } from '@kubenest/api/os/records'
import { toOsError } from '@kubenest/base/errors'
import { BOOT_FOLDER } from '../bootloader/boot-environment.ts'
import { installCustomConfig } from '../bootloader/install-custom-config.ts'
import type { ImageSource } from '../sources/image-source.ts'
import { AGENT_MARKER } from './agent-marker.ts'
import { hasDefaultRoute } from './check-health.ts'
import { describeNode, type Degradation } from './describe-node.ts'
import {
  changeJournal,
  createEngineContext,
  readFacts,
  type EngineContext,
  type EngineDeps,
  type NodeFacts,
} from './engine-context.ts'
import { TRIAL_VARIABLE } from './judge-boot.ts'
import type { JournalState, OperationRecord } from './journal-state.ts'
import { planActivate, planPrepare, planRollBack } from './plan-update.ts'
import { recoverBoot } from './recover-boot.ts'
import { keepReport } from './trial.ts'
import { allowTrial, countTrial } from './tries.ts'
import type { ProgressUpdate, UpdateEngine } from './update-engine.ts'

/** Room for the headers and padding of a tar beside its content, bytes. */
const TAR_OVERHEAD_BYTES = 64 * 1024 * 1024

export interface UpdateEngineDeps extends EngineDeps {
  readonly source: ImageSource
  /** Ends background work of the engine, with the program. */
  readonly stop: AbortSignal
}

/** Makes the engine of a node. */
export function createUpdateEngine(deps: UpdateEngineDeps): UpdateEngine {
  const context = createEngineContext(deps)
  const degraded = new Map<string, Degradation>()
  return {
    recover: () => recover(context, deps.stop, degraded),
    prepare: (request, onProgress, signal) =>
      prepare(context, deps.source, request, onProgress, signal),
    activate: (extras) => activate(context, extras, degraded),
    rollBack: (extras) => rollBack(context, extras),
    reboot: deps.reboot,
    describe: () => describeNode(context, [...degraded.values()]),
    report: (report) => keepReport(context, report),
    allow: async (image) => {
      const facts = await readFacts(context)
      await changeJournal(context, facts, (state) => allowTrial(state, image, undefined))
    },
  }
}

async function recover(
  context: EngineContext,
  stop: AbortSignal,
  degraded: Map<string, Degradation>,
): Promise<void> {
  context.log.info('update engine starts', { contract: AGENT_MARKER })
  try {
    await recoverBoot(context, stop, degraded)
    const { slots } = await readFacts(context)
    const outcome = await installCustomConfig(context.sysroot.path(BOOT_FOLDER), slots.partuuids)
    if (outcome === 'foreign')
      degraded.set('CustomCfgForeign', {
        reason: 'CustomCfgForeign',
        message:
          'custom.cfg beside grub.cfg is not ours, so the boot menu has no fallback; slots are checked before they are armed',
      })
  } catch (cause) {
    // The agent must answer `status` whatever is wrong with the disks; operations check again.
    const error = toOsError(cause)
    context.log.error('recovery failed', { code: error.code, reason: error.message })
    const reason = error.code === 'slot-unknown' ? 'UnexpectedSlot' : 'RecoveryFailed'
    degraded.set(reason, { reason, message: error.message })
  }
}

async function prepare(
  context: EngineContext,
  source: ImageSource,
  request: PrepareUpgradeParams,
  onProgress: (update: ProgressUpdate) => void,
  signal: AbortSignal,
): Promise<void> {
  const image = { digest: request.check_sum.toLowerCase(), version: request.version }
  const facts = await readFacts(context)
  if (request.attempt !== undefined)
    facts.journal = await changeJournal(context, facts, (state) =>
      allowTrial(state, image, request.attempt),
    )
  const plan = planPrepare(facts, image)
  if (plan.kind === 'already-verified') return
  const operation = operationOf(request, 'upgrade', plan.target, image)
  onProgress({ phase: 'Fetching', bytesDone: 0 })
  const capacityBytes = facts.slots.sizesBytes[plan.target]
  const limits = { sizeBytesMax: capacityBytes + TAR_OVERHEAD_BYTES }
  // Whatever fails below, the transport ends with this operation.
  const transport = new AbortController()
  const both = AbortSignal.any([signal, transport.signal])
  const stream = await source.open(request, limits, both)
  try {
    await withdraw(context, facts, operation)
    await context.backend.blank(facts.slots, plan.target)
    const staged = await context.backend.stage(stream, {
      target: plan.target,
      slots: facts.slots,
      imageDigest: image.digest,
      version: image.version,
      onProgress,
      signal,
    })
    await changeJournal(context, facts, (state) => {
      const slots = { ...state.slots }
      slots[plan.target] = { ...staged, state: 'verified', imageDigest: image.digest }
      return { ...state, phase: 'SlotVerified', operation, slots }
    })
  } catch (error) {
    await changeJournal(context, facts, (state) => abandon(state, operation))
    throw error
  } finally {
    transport.abort()
  }
}

/**
 * Steps 2 and 3: the journal and the selector stop vouching for the target before its first byte
 * goes.
 */
async function withdraw(
  context: EngineContext,
  facts: NodeFacts,
  operation: OperationRecord,
): Promise<void> {
  await changeJournal(context, facts, (state) => {
    const slots = { ...state.slots }
    slots[operation.target] = { state: 'writing' }
    return { ...state, phase: 'Writing', operation, slots }
  })
  await context.environment.change({
    saved_entry: facts.booted,
    next_entry: undefined,
    [TRIAL_VARIABLE]: undefined,
  })
  await context.environment.backUp()
}

function abandon(state: JournalState, operation: OperationRecord): JournalState {
  const slots = { ...state.slots }
  slots[operation.target] = { state: 'writing' }
  return { ...state, phase: 'Idle', slots }
}

async function activate(
  context: EngineContext,
  extras: OperationExtras,
  degraded: Map<string, Degradation>,
): Promise<void> {
  const facts = await readFacts(context)
  const prepared = planActivate(facts)
  const operation = { ...prepared, ...extrasOf(extras) }
  const contract = facts.journal.slots[operation.target].contract
  if (contract === 'none')
    degraded.set('NoTrial', {
      reason: 'NoTrial',
      message: 'The image has a foreign agent: it is switched to for good, without a trial',
    })
  await arm(context, facts, operation, contract === 'none')
}

async function rollBack(context: EngineContext, extras: OperationExtras): Promise<void> {
  const facts = await readFacts(context)
  const { target, slot } = planRollBack(facts)
  const { digest, sizeBytes } = slot
  const record = digest !== undefined && sizeBytes !== undefined ? { digest, sizeBytes } : undefined
  const found = await context.backend.check(facts.slots, target, record)
  const version = slot.version ?? found.version ?? ''
  const image = { digest: slot.imageDigest ?? '', version }
  const operation = operationOf(extras, 'rollback', target, image)
  const withSlot = await changeJournal(context, facts, (state) => {
    const slots = { ...state.slots }
    const isUnverified = record === undefined
    slots[target] = { ...slot, version, contract: found.contract, isUnverified }
    return { ...state, slots }
  })
  await arm(context, { ...facts, journal: withSlot }, operation, found.contract === 'none')
}

/**
 * Steps 11 and 12: the intent, the one write that arms, the fact. An image without the trial
 * contract is switched the documented way, which the journal says (decision 18).
 */
async function arm(
  context: EngineContext,
  facts: NodeFacts,
  operation: OperationRecord,
  isForGood: boolean,
): Promise<void> {
  const armed = {
    ...operation,
    armedBootId: facts.bootId,
    hadDefaultRoute: await hasDefaultRoute(context),
  }
  await changeJournal(context, facts, (state) => ({
    ...countTrial(state, operation.image),
    phase: 'Arming',
    operation: armed,
  }))
  await context.environment.change({
    saved_entry: isForGood ? operation.target : facts.booted,
    next_entry: isForGood ? undefined : operation.target,
    [TRIAL_VARIABLE]: operation.id,
  })
  await changeJournal(context, facts, (state) => ({ ...state, phase: 'Armed' }))
  context.log.info('slot is armed', { slot: operation.target, operation: operation.id })
}

function operationOf(
  extras: OperationExtras,
  kind: OperationRecord['kind'],
  target: OperationRecord['target'],
  image: ImageIdentity,
): OperationRecord {
  return { id: crypto.randomUUID(), kind, target, image, ...extrasOf(extras) }
}

function extrasOf(extras: OperationExtras): Partial<Pick<OperationRecord, 'id' | 'health'>> {
  return {
    ...(extras.operation_id === undefined ? {} : { id: extras.operation_id }),
    ...(extras.health === undefined ? {} : { health: extras.health }),
  }
}
