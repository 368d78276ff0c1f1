// One pod's way off the node: evict, again with growing pauses while a budget says no, then wait
// until it is gone. Eviction is the only way; nothing here deletes a pod.
import type { Pod } from '@kubenest/api/core/objects'
import type { Clock } from '@kubenest/base/clock'
import { type OsError, toOsError } from '@kubenest/base/errors'
import { backOffMs } from '../back-off.ts'
import type { EvictionResult, KubeClient } from '../client/kube-client.ts'
import { PODS } from '../client/resources.ts'
import { type BlockReason, type DrainBlocker, describeBlocker } from './blockers.ts'
import type { Semaphore } from './semaphore.ts'

const LOOK_MS = 3_000
const EVICT_PAUSE = { minMs: 5_000, maxMs: 60_000 }

export interface RemovePodContext {
  readonly client: KubeClient
  readonly clock: Clock
  readonly random: () => number
  /** Ends at the drain's deadline or when it is cancelled. */
  readonly signal: AbortSignal
  /** Bounds evictions in flight. */
  readonly places: Semaphore
  /** Told when the pod begins to block, or blocks for another reason. */
  readonly onBlocked: (blocker: DrainBlocker) => void
}

/** Resolves when the pod is gone; rejects with the signal's reason when that comes first. */
export async function removePod(
  context: RemovePodContext,
  pod: Pod,
  isTerminating: boolean,
): Promise<void> {
  if (!isTerminating && !(await evictUntilAccepted(context, pod))) return
  await tell(context, pod, 'terminating', 'it was evicted and has not ended yet')
  while (!(await isGone(context, pod))) await context.clock.sleep(LOOK_MS, context.signal)
}

/** @returns `false` when the pod is already gone */
async function evictUntilAccepted(context: RemovePodContext, pod: Pod): Promise<boolean> {
  for (let failures = 0; ; failures += 1) {
    const result = await evict(context, pod)
    if (result.outcome === 'evicted') return true
    if (result.outcome === 'gone') return false
    await tell(context, pod, REASONS[result.outcome], result.message)
    const leastMs = 'retryAfterMs' in result ? (result.retryAfterMs ?? 0) : 0
    const pauseMs = Math.max(leastMs, backOffMs(EVICT_PAUSE, failures, context.random))
    await context.clock.sleep(pauseMs, context.signal)
    if (await isGone(context, pod)) return false
  }
}

const REASONS = { refused: 'budget', broken: 'error', forbidden: 'forbidden' } as const

/** A request that failed is one more answer to retry, never a reason to give a pod up. */
async function evict(context: RemovePodContext, pod: Pod): Promise<EvictionResult> {
  const { name, namespace = 'default', uid } = pod.metadata
  const options = { signal: context.signal, ...(uid === undefined ? {} : { uid }) }
  try {
    return await context.places(() => context.client.evict({ name, namespace }, options))
  } catch (error) {
    return { outcome: 'broken', message: retryable(context, error).message }
  }
}

async function isGone(context: RemovePodContext, pod: Pod): Promise<boolean> {
  const { name, namespace = 'default', uid } = pod.metadata
  try {
    const now = await context.client.get(PODS, { name, namespace }, { signal: context.signal })
    return now === undefined || now.metadata.uid !== uid
  } catch (error) {
    retryable(context, error)
    return false
  }
}

/** Passes errors that time may heal; throws the end of the drain, and bugs. */
function retryable(context: RemovePodContext, error: unknown): OsError {
  context.signal.throwIfAborted()
  const known = toOsError(error)
  if (known.kind === 'bug') throw known
  return known
}

async function tell(
  context: RemovePodContext,
  pod: Pod,
  reason: BlockReason,
  message: string,
): Promise<void> {
  context.onBlocked(await describeBlocker(context.client, pod, reason, message, context.signal))
}
