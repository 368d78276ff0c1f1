// Steps 1 to 8 of an upgrade (reliability 4.2): the image is taken in as far as it can be without
// the slot; everything that vouches for the target is withdrawn; the slot is filled and verified;
// the journal says so. Whatever fails after the first write leaves it unbootable.
import type { PrepareUpgradeParams } from '@kubenest/api/agent/rpc'
import { OsError, toOsError } from '@kubenest/base/errors'
import type { ReceivedImage } from '../backends/update-backend.ts'
import type { ImageSource, ImageStream } from '../sources/image-source.ts'
import { checkImage } from './check-image.ts'
import { changeJournal, readFacts, type EngineContext, type NodeFacts } from './engine-context.ts'
import { TRIAL_VARIABLE } from './judge-boot.ts'
import type { JournalState, OperationRecord, SlotRecord } from './journal-state.ts'
import { newOperation } from './new-operation.ts'
import { planPrepare } from './plan-update.ts'
import { allowTrial } from './tries.ts'
import type { ProgressUpdate } from './update-engine.ts'

/** Room for the headers and padding of a tar beside its content, bytes. */
const TAR_OVERHEAD_BYTES = 64 * 1024 * 1024

/** Writes and verifies the standby slot; nothing happens when it already holds the image. */
export async function prepareSlot(
  context: EngineContext,
  source: ImageSource,
  request: PrepareUpgradeParams,
  onProgress: (update: ProgressUpdate) => void,
  signal: AbortSignal,
): Promise<void> {
  const image = checkImage(request)
  const facts = await readFacts(context)
  if (request.attempt !== undefined)
    facts.journal = await changeJournal(context, facts, (state) =>
      allowTrial(state, image, request.attempt),
    )
  const plan = planPrepare(facts, image)
  if (plan.kind === 'already-verified') return
  const operation = newOperation(request, 'upgrade', plan.target, image)
  onProgress({ phase: 'Fetching', bytesDone: 0 })
  const limits = { sizeBytesMax: facts.slots.sizesBytes[plan.target] + TAR_OVERHEAD_BYTES }
  // Whatever fails below, the transport ends with this operation.
  const transport = new AbortController()
  try {
    const both = AbortSignal.any([signal, transport.signal])
    const stream = await source.open(request, limits, both)
    try {
      const { target } = operation
      const promised = stream.isAuthentic === true ? {} : { imageDigest: image.digest }
      const how = { target, slots: facts.slots, ...promised, version: image.version }
      const received = await context.backend.receive(stream, { ...how, onProgress, signal })
      await withdraw(context, facts, operation, received)
      const slot = await fill(context, facts, operation, received, signal)
      await changeJournal(context, facts, (state) => {
        const slots = { ...state.slots, [operation.target]: slot }
        return { ...state, phase: 'SlotVerified', operation, slots }
      })
    } finally {
      await closeStream(context, stream)
    }
  } finally {
    transport.abort()
  }
}

async function fill(
  context: EngineContext,
  { slots }: NodeFacts,
  { target, image }: OperationRecord,
  received: ReceivedImage,
  signal: AbortSignal,
): Promise<SlotRecord> {
  try {
    await context.backend.blank(slots, target)
    const staged = await received.fill()
    // A cancel that came too late for the stream must not end in a verified slot.
    if (signal.aborted) throw cancelled()
    return { ...staged, state: 'verified', imageDigest: image.digest }
  } catch (error) {
    await giveUp(context, slots, target)
    throw error
  }
}

/** What the source made for a slot that is verified is cleared away later, if it is not now. */
async function closeStream(context: EngineContext, stream: ImageStream): Promise<void> {
  try {
    await stream.close?.()
  } catch (cause) {
    context.log.error('the clean-up after a preparation failed', {
      reason: toOsError(cause).message,
    })
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
  received: ReceivedImage,
): Promise<void> {
  try {
    await stopVouching(context, facts, operation)
  } catch (error) {
    await received.discard()
    throw error
  }
}

async function stopVouching(
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

/**
 * What happened before must be told, not that the clean-up failed as well; a restart repeats it.
 */
async function giveUp(
  context: EngineContext,
  slots: NodeFacts['slots'],
  target: OperationRecord['target'],
): Promise<void> {
  try {
    await context.backend.discard(slots, target)
    await changeJournal(context, slots, abandoned)
  } catch (cause) {
    context.log.error('the clean-up of a failed preparation failed', {
      reason: toOsError(cause).message,
    })
  }
}

/** The journal after a write that did not come to its end. */
export function abandoned(state: JournalState): JournalState {
  return { ...state, phase: 'Idle' }
}

function cancelled(): OsError {
  return new OsError('blocked', {
    code: 'cancelled',
    message: 'Cannot finish the preparation: it was cancelled',
  })
}
