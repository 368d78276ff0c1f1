// One reconcile of one OS object: facts from the caches, plan, effects, when to look again.
import { OS_API_VERSION } from '@kubenest/api/os/names'
import type { Os, OsInstance } from '@kubenest/api/os/os'
import type { Clock } from '@kubenest/base/clock'
import type { Logger } from '@kubenest/base/log'
import type { TimeZone } from '@kubenest/base/time-zone'
import { backOffMs } from '@kubenest/kube/back-off'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import type { ReconcileResult } from '@kubenest/kube/controller/controller'
import { createEventRecorder } from '@kubenest/kube/controller/events'
import { objectKey } from '@kubenest/kube/object-key'
import { applyRollout } from './apply-rollout.ts'
import { gatherFacts, type OperatorCaches } from './gather-facts.ts'
import { planEvents } from './plan-events.ts'
import { planRollout } from './plan-rollout.ts'
import { trimOs, trimOsInstance } from './trim.ts'
import { createStatusWriter } from './write-status.ts'
import { createWriteOverlay } from './write-overlay.ts'

/** After a refused write the cache is about to show why; behind a silent watch, later. */
const STALE_RETRY = { minMs: 100, maxMs: 5000 }
/** A clock that was set is noticed within this time. */
const LOOK_AGAIN_MAX_MS = 60_000
/** How long a refused claim right is believed: an API server that has just started refuses all. */
const CLAIM_REFUSAL = { minMs: 15_000, maxMs: 600_000 } as const

/** What a reconcile needs. */
export interface ReconcileDeps {
  client: KubeClient
  clock: Clock
  log: Logger
  caches: OperatorCaches
  zone: TimeZone
  newId: () => string
}

/** Makes the reconcile function of a controller. */
export function createOsReconciler(deps: ReconcileDeps) {
  const writtenOses = createWriteOverlay<Os>()
  const writtenInstances = createWriteOverlay<OsInstance>()
  const status = createStatusWriter(deps)
  const events = createEventRecorder({ ...deps, component: 'kubenest-operator' })
  const sightings = new Map<string, Map<string, number>>()
  const refusals = new Map<string, number>()
  const claimRight = createClaimRight(deps)

  async function reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult> {
    const os = writtenOses.resolve(key, deps.caches.oses.get(key))
    if (os === undefined || os.metadata.deletionTimestamp !== undefined) {
      sightings.delete(key)
      refusals.delete(key)
      status.forget(key)
      return {}
    }
    const facts = gatherFacts(deps, os, {
      resolveInstance: (each, cached) => writtenInstances.resolve(each, cached),
      mayClaim: claimRight.refusedMs() === 0,
      firstSeenMs: (sighting) => sightings.get(key)?.get(sighting),
    })
    const nowMs = deps.clock.nowMs()
    const plan = planRollout(facts, nowMs, deps.newId)
    remember(sightings, key, plan.sightings, nowMs)
    const outcome = await applyRollout(
      {
        client: deps.client,
        log: deps.log,
        signal,
        nowMs,
        onOsWritten: (written) =>
          writtenOses.remember(key, facts.os.resourceVersion, trimOs(written)),
        onInstanceWritten: (written) => {
          const replaced = facts.instances.get(written.metadata.name)?.resourceVersion ?? ''
          writtenInstances.remember(objectKey(written), replaced, trimOsInstance(written))
        },
      },
      facts,
      plan,
    )
    if (outcome === 'claims-forbidden') {
      claimRight.refuse()
      return { requeueAfterMs: 1 }
    }
    if (outcome === 'stale') {
      const count = refusals.get(key) ?? 0
      refusals.set(key, count + 1)
      return { requeueAfterMs: backOffMs(STALE_RETRY, count, Math.random) }
    }
    refusals.delete(key)
    if (facts.mayClaim && plan.record !== undefined) claimRight.grant()
    for (const text of planEvents(facts.os, plan)) events.record(eventSubject(os), text)
    const statusAgainMs = await status.write(os, plan.status, signal)
    const claimAgainMs = facts.mayClaim ? undefined : claimRight.refusedMs()
    return lookAgain(plan.nextActionMs, nowMs, [statusAgainMs, claimAgainMs])
  }

  return reconcile
}

/** What is known of the right to patch OS objects: a refusal is believed longer each time. */
function createClaimRight({ clock, log }: Pick<ReconcileDeps, 'clock' | 'log'>) {
  let forbiddenMs: number | undefined
  let refusals = 0
  return {
    /** How long a refusal is believed still; 0 when claims may be written. */
    refusedMs(): number {
      if (forbiddenMs === undefined) return 0
      const doubledMs = CLAIM_REFUSAL.minMs * 2 ** Math.min(refusals - 1, 10)
      const untilMs = forbiddenMs + Math.min(doubledMs, CLAIM_REFUSAL.maxMs)
      return Math.max(0, untilMs - clock.monotonicMs())
    },
    refuse(): void {
      if (forbiddenMs === undefined)
        log.warn('The operator may not patch OS objects; works on one node at a time')
      forbiddenMs = clock.monotonicMs()
      refusals += 1
    },
    grant(): void {
      forbiddenMs = undefined
      refusals = 0
    },
  }
}

/**
 * Situations that are no longer seen are forgotten; others keep the time of their first sighting.
 */
function remember(
  sightings: Map<string, Map<string, number>>,
  key: string,
  seen: readonly string[],
  nowMs: number,
): void {
  const before = sightings.get(key)
  if (seen.length === 0) sightings.delete(key)
  else sightings.set(key, new Map(seen.map((each) => [each, before?.get(each) ?? nowMs])))
}

/** Cached objects are trimmed of what they are. */
function eventSubject({ metadata }: Os): Os {
  return { apiVersion: OS_API_VERSION, kind: 'OS', metadata }
}

function lookAgain(
  nextActionMs: number | undefined,
  nowMs: number,
  others: readonly (number | undefined)[],
): ReconcileResult {
  const delays = others.flatMap((each) => each ?? [])
  if (nextActionMs !== undefined)
    delays.push(Math.min(LOOK_AGAIN_MAX_MS, Math.max(1, nextActionMs - nowMs)))
  // Whole milliseconds: a rest of 1e-13 ms would be a loop without a pause.
  return delays.length === 0 ? {} : { requeueAfterMs: Math.ceil(Math.min(...delays)) }
}
