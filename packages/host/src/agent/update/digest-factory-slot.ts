// The digest of a slot that came without one (factory content, or a rollback that was checked by
// looking only), taken while it runs: a later rollback to it is then verified. Slowly, so that
// nobody notices: the slot is mounted read-only and does not change.
import type { Clock } from '@kubenest/base/clock'
import { toOsError } from '@kubenest/base/errors'
import { readText, resolveLinks } from '@kubenest/base/files'
import { changeJournal, readFacts, type EngineContext, type NodeFacts } from './engine-context.ts'
import { judgeBoot } from './judge-boot.ts'

/** Others come first when a node starts, milliseconds. */
const START_AFTER_MS = 10_000
/** A quarter of the time is work at most. */
const REST_PER_WORK = 3
const REST_MAX_MS = 1_000

/** Takes and records the digest when it is missing; returns at once when there is nothing to do. */
export async function digestFactorySlot(context: EngineContext, stop: AbortSignal): Promise<void> {
  try {
    const facts = await readFacts(context)
    if (!isMissing(facts) || (await isWritable(context, facts))) return
    await context.clock.sleep(START_AFTER_MS, stop)
    const rest = restAfterWork(context.clock, stop)
    const sizeBytes = facts.slots.sizesBytes[facts.booted]
    const digest = await context.backend.digestOf(facts.slots, facts.booted, { sizeBytes, rest })
    await record(context, facts, digest)
  } catch (cause) {
    if (stop.aborted) return
    context.log.warn('the digest of the running slot could not be taken', {
      reason: toOsError(cause).message,
    })
  }
}

/** Sleeps in proportion to the time since the last rest: a busy machine gets longer ones. */
function restAfterWork(clock: Clock, stop: AbortSignal): () => Promise<void> {
  let sinceMs = clock.monotonicMs()
  return async () => {
    const workMs = clock.monotonicMs() - sinceMs
    await clock.sleep(Math.min(REST_MAX_MS, workMs * REST_PER_WORK), stop)
    sinceMs = clock.monotonicMs()
  }
}

function isMissing(facts: NodeFacts): boolean {
  const slot = facts.journal.slots[facts.booted]
  return (
    judgeBoot(facts).kind === 'steady' && slot.state === 'committed' && slot.digest === undefined
  )
}

/** The bytes of a root that is mounted for writing change: no digest of them means anything. */
async function isWritable(context: EngineContext, facts: NodeFacts): Promise<boolean> {
  const device = facts.slots.devices[facts.booted]
  const mounts = (await readText(context.sysroot.path('/proc/mounts'))) ?? ''
  for (const line of mounts.split('\n')) {
    const [source = '', point = '', , options = ''] = line.split(' ')
    if (!options.split(',').includes('rw')) continue
    const isRoot = point === '/' && source === '/dev/root'
    if (isRoot || (source.startsWith('/') && (await isSame(context, source, device)))) return true
  }
  return false
}

async function isSame(context: EngineContext, source: string, device: string): Promise<boolean> {
  return (await resolveLinks(context.sysroot.path(source))) === device
}

async function record(context: EngineContext, facts: NodeFacts, digest: string): Promise<void> {
  const { booted } = facts
  await changeJournal(context, facts, (state) => {
    const { isUnverified: _, ...slot } = state.slots[booted]
    if (slot.state !== 'committed' || slot.digest !== undefined) return state
    const slots = { ...state.slots }
    slots[booted] = { ...slot, digest, sizeBytes: facts.slots.sizesBytes[booted] }
    return { ...state, slots }
  })
  context.log.info('the digest of the running slot is recorded', { slot: booted, digest })
}
