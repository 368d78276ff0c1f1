// Empties a node: look, cordon, evict, wait, look again. What to do when it cannot be emptied in
// time is the caller's policy (decision 6). Nothing here deletes a pod or uncordons.
import type { Pod } from '@kubenest/api/core/objects'
import type { Clock } from '@kubenest/base/clock'
import { OsError, isOsError, toOsError } from '@kubenest/base/errors'
import type { Logger } from '@kubenest/base/log'
import { backOffMs } from '../back-off.ts'
import type { KubeClient } from '../client/kube-client.ts'
import { type DrainBlocker, describeBlocker } from './blockers.ts'
import { type DrainPolicy, classifyPod } from './classify-pod.ts'
import { type CordonResult, cordonNode } from './cordon-node.ts'
import { listNodePods } from './list-node-pods.ts'
import { removePod } from './remove-pod.ts'
import { createSemaphore } from './semaphore.ts'

const EVICTIONS_AT_ONCE = 5
const LIST_PAUSE = { minMs: 1_000, maxMs: 30_000 }

export interface DrainDeps {
  readonly client: KubeClient
  readonly clock: Clock
  readonly log: Logger
  /** Source of jitter, 0 to 1. @defaultValue Math.random */
  readonly random?: () => number
}

export interface DrainRequest extends DrainPolicy {
  readonly node: string
  /** Owner's mark of the cordon. */
  readonly operationId: string
  /** Longest duration from now, milliseconds. */
  readonly deadlineMs: number
  readonly signal?: AbortSignal
  /** Told whenever the set of pods that are waited for changes. */
  readonly onProgress?: (progress: DrainProgress) => void
}

/** How far a drain is. */
export interface DrainProgress {
  readonly left: number
  readonly blockers: readonly DrainBlocker[]
}

/**
 * How a drain ended. Blockers are never empty, except that `timedOut` may mean that pods could not
 * be listed.
 */
export type DrainResult =
  | { readonly outcome: 'drained' }
  /** Pods that may not be evicted at all; no pod was evicted after they were seen. */
  | { readonly outcome: 'refused'; readonly blockers: readonly DrainBlocker[] }
  | {
      readonly outcome: 'timedOut'
      readonly blockers: readonly DrainBlocker[]
      /** Last request error, when that was what took the time. */
      readonly error?: string
    }

/** Pods of the node that this drain would refuse; to be asked before anything is written. */
export async function findRefusals(
  client: KubeClient,
  request: DrainPolicy & { readonly node: string; readonly signal?: AbortSignal },
): Promise<DrainBlocker[]> {
  return refusalsAmong(await listNodePods(client, request.node, request.signal), request)
}

/**
 * What evictions would still be refused, by asking the server without doing it. Empty: all would
 * pass, each for itself.
 *
 * @throws {OsError} request errors.
 */
export async function dryRunEvictions(
  client: KubeClient,
  request: DrainPolicy & { readonly node: string; readonly signal?: AbortSignal },
): Promise<DrainBlocker[]> {
  const pods = await listNodePods(client, request.node, request.signal)
  const blockers = refusalsAmong(pods, request)
  for (const pod of pods) {
    if (classifyPod(pod, request).action !== 'evict') continue
    const blocker = await dryRunEviction(client, pod, request.signal)
    if (blocker !== undefined) blockers.push(blocker)
  }
  return blockers
}

async function dryRunEviction(
  client: KubeClient,
  pod: Pod,
  signal: AbortSignal | undefined,
): Promise<DrainBlocker | undefined> {
  const { name, namespace = 'default', uid } = pod.metadata
  const result = await client.evict(
    { name, namespace },
    {
      dryRun: true,
      ...(uid === undefined ? {} : { uid }),
      ...(signal === undefined ? {} : { signal }),
    },
  )
  if (result.outcome === 'evicted' || result.outcome === 'gone') return undefined
  const reasons = { refused: 'budget', broken: 'error', forbidden: 'forbidden' } as const
  return await describeBlocker(client, pod, reasons[result.outcome], result.message, signal)
}

/**
 * Drains a node. Repeatable: pods that are gone stay gone, a cordon of ours is kept.
 *
 * @throws the signal's reason when cancelled; {@link OsError} of requests that no time heals.
 */
export async function drainNode(deps: DrainDeps, request: DrainRequest): Promise<DrainResult> {
  const deadline = new AbortController()
  const end = new OsError('blocked', { code: 'drain-timed-out', message: 'Cannot drain in time' })
  const cancel = deps.clock.schedule(request.deadlineMs, () => deadline.abort(end))
  const signal =
    request.signal === undefined
      ? deadline.signal
      : AbortSignal.any([request.signal, deadline.signal])
  const drain: Drain = { deps, request, signal, blockers: new Map(), left: 0, lastError: undefined }
  try {
    return await drainUntilEmpty(drain)
  } catch (error) {
    if (!deadline.signal.aborted) throw error
    const blockers = [...drain.blockers.values()]
    const { lastError } = drain
    return {
      outcome: 'timedOut',
      blockers,
      ...(lastError === undefined ? {} : { error: lastError }),
    }
  } finally {
    cancel()
    // Ends what still waits for other pods when one failed.
    deadline.abort(end)
  }
}

interface Drain {
  readonly deps: DrainDeps
  readonly request: DrainRequest
  readonly signal: AbortSignal
  /** By `namespace/name`. */
  readonly blockers: Map<string, DrainBlocker>
  left: number
  lastError: string | undefined
}

async function drainUntilEmpty(drain: Drain): Promise<DrainResult> {
  const { client } = drain.deps
  const { node, operationId } = drain.request
  for (let round = 0; ; round += 1) {
    const pods = await retried(drain, () => listNodePods(client, node, drain.signal))
    const refusals = refusalsAmong(pods, drain.request)
    if (refusals.length > 0) return { outcome: 'refused', blockers: refusals }
    if (round === 0) {
      await retried<CordonResult>(drain, () =>
        cordonNode(client, { node, operationId, signal: drain.signal }),
      )
      // A pod may have been bound between the look and the cordon: look again before "empty" is
      // believed.
      continue
    }
    const work = pods.filter((pod) => isWork(pod, drain.request))
    if (work.length === 0) return { outcome: 'drained' }
    await removeAll(drain, work)
  }
}

async function removeAll(drain: Drain, pods: readonly Pod[]): Promise<void> {
  const { deps, request, signal } = drain
  const places = createSemaphore(EVICTIONS_AT_ONCE)
  drain.left = pods.length
  const removals = pods.map(async (pod) => {
    const key = `${pod.metadata.namespace ?? 'default'}/${pod.metadata.name}`
    const onBlocked = (blocker: DrainBlocker) => {
      drain.blockers.set(key, blocker)
      report(drain)
    }
    const context = { ...deps, random: deps.random ?? Math.random, signal, places, onBlocked }
    await removePod(context, pod, classifyPod(pod, request).action === 'wait')
    drain.blockers.delete(key)
    drain.left -= 1
    report(drain)
  })
  report(drain)
  await Promise.all(removals)
}

function report(drain: Drain): void {
  drain.request.onProgress?.({ left: drain.left, blockers: [...drain.blockers.values()] })
}

/**
 * Repeats a request until the deadline: an API server that is away makes a drain late, never empty.
 */
async function retried<R>(drain: Drain, work: () => Promise<R>): Promise<R> {
  for (let failures = 0; ; failures += 1) {
    try {
      const result = await work()
      drain.lastError = undefined
      return result
    } catch (error) {
      drain.signal.throwIfAborted()
      const known = toOsError(error)
      if (known.kind === 'bug' || isOsError(error, 'kube-not-found')) throw known
      drain.lastError = known.message
      drain.deps.log.debug('Cannot drain yet', { node: drain.request.node, error: known.message })
      const pauseMs = backOffMs(LIST_PAUSE, failures, drain.deps.random ?? Math.random)
      await drain.deps.clock.sleep(Math.max(pauseMs, known.retryAfterMs ?? 0), drain.signal)
    }
  }
}

function isWork(pod: Pod, policy: DrainPolicy): boolean {
  const { action } = classifyPod(pod, policy)
  return action === 'evict' || action === 'wait'
}

function refusalsAmong(pods: readonly Pod[], policy: DrainPolicy): DrainBlocker[] {
  return pods.flatMap((pod) => {
    const result = classifyPod(pod, policy)
    if (result.action !== 'refuse') return []
    const { name, namespace = 'default' } = pod.metadata
    return [{ namespace, name, reason: 'refused' as const, message: result.reason }]
  })
}
