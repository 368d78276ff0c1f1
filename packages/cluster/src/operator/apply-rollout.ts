// Carries out a plan in the order that survives a crash anywhere: record (conditional), then per
// node its OSInstance (conditional) and its label, then leftovers. What fails is left to the next
// reconcile.
import { LABELS } from '@kubenest/api/os/names'
import { OS_INSTANCES, NODES, OSES } from '@kubenest/kube/client/resources'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import type { Os, OsInstance } from '@kubenest/api/os/os'
import { isOsError, toOsError, type OsError } from '@kubenest/base/errors'
import type { Logger } from '@kubenest/base/log'
import { assignmentPatch, voidPatch } from './assign-instance.ts'
import { instanceFacts, type InstanceFacts, type RolloutFacts } from './facts.ts'
import type { LabelChange } from './plan-labels.ts'
import type { ClaimWrite, RolloutPlan } from './plan-rollout.ts'

/**
 * Writes under way at once: enough to start a batch of hundreds in a second, kind to the API
 * server.
 */
const WRITES_AT_ONCE = 16

/** What carrying out needs. */
export interface ApplyDeps {
  client: KubeClient
  log: Logger
  signal: AbortSignal
  nowMs: number
  /** Called with the server's answer to each write. */
  onOsWritten: (os: Os) => void
  onInstanceWritten: (instance: OsInstance) => void
}

/** How it went. `stale`: the world had moved on; plan again from what is new. */
export type ApplyOutcome = 'done' | 'stale' | 'claims-forbidden'

/**
 * Carries out everything but the status.
 *
 * @throws {OsError} the first failure, after all other nodes were served.
 */
export async function applyRollout(
  deps: ApplyDeps,
  facts: RolloutFacts,
  plan: RolloutPlan,
): Promise<ApplyOutcome> {
  if (plan.record !== undefined) {
    const outcome = await writeRecord(deps, facts, plan.record)
    if (outcome !== 'done') return outcome
  }
  const changes = new Map(plan.labels.map((change) => [change.node, change]))
  const uids = new Map(facts.nodes.map(({ name, uid }) => [name, uid]))
  const assigned = new Set(plan.assign.map(({ claim }) => claim.node))
  const label = (node: string) => writeLabels(deps, changes.get(node), uids.get(node))
  const failures = await runAll([
    ...plan.assign.map((write) => async () => {
      await writeInstance(
        deps,
        write.instance,
        assignmentPatch(facts.os, write.claim, write.instance),
      )
      deps.log.info('Node assigned', logFields(facts, write))
      await label(write.claim.node)
    }),
    ...plan.voids.map((write) => async () => {
      await writeInstance(deps, write.instance, voidPatch(write.claim, write.instance, deps.nowMs))
      deps.log.info('Claim ended without a start', logFields(facts, write))
    }),
    ...plan.labels
      .filter(({ node }) => !assigned.has(node))
      .map((change) => async () => {
        if (await isStillMeant(deps.client, facts, change)) await label(change.node)
      }),
    ...plan.leftovers.map((instance) => async () => {
      await freeOfLabels(deps, instance.name, uids.get(instance.name))
      await deleteInstance(deps.client, instance)
    }),
  ])
  return settle(deps, failures)
}

function settle(deps: ApplyDeps, failures: readonly OsError[]): ApplyOutcome {
  const isStale = (error: OsError) => ['kube-conflict', 'kube-not-found'].includes(error.code)
  const real = failures.filter((error) => !isStale(error))
  for (const error of real)
    deps.log.warn('Cannot serve a node now', { code: error.code, error: error.message })
  if (real[0] !== undefined) throw real[0]
  return failures.length > 0 ? 'stale' : 'done'
}

async function writeRecord(
  deps: ApplyDeps,
  facts: RolloutFacts,
  annotations: Record<string, string | null>,
): Promise<ApplyOutcome> {
  const { name, namespace, uid, resourceVersion } = facts.os
  try {
    const body = { metadata: { uid, resourceVersion, annotations } }
    const patch = { type: 'merge' as const, body }
    deps.onOsWritten(
      await deps.client.patch(OSES, { name, namespace }, patch, { signal: deps.signal }),
    )
    return 'done'
  } catch (error) {
    if (isOsError(error, 'kube-forbidden')) return 'claims-forbidden'
    if (isOsError(error, 'kube-conflict') || isOsError(error, 'kube-not-found')) return 'stale'
    throw error
  }
}

/** The assignment of a machine that was replaced is over: its label would keep a place for ever. */
async function freeOfLabels(deps: ApplyDeps, node: string, uid: string | undefined): Promise<void> {
  const labels = { [LABELS.upgrading]: null, [LABELS.configuring]: null }
  await writeLabels(deps, { node, labels, afterAssignment: false }, uid)
}

async function writeInstance(
  deps: ApplyDeps,
  instance: InstanceFacts,
  body: object,
): Promise<void> {
  const { name, namespace } = instance
  const patch = { type: 'merge' as const, body }
  deps.onInstanceWritten(
    await deps.client.patch(OS_INSTANCES, { name, namespace }, patch, { signal: deps.signal }),
  )
}

/** A missing label is set again only when the OSInstance, read afresh, is still at that work. */
async function isStillMeant(
  client: KubeClient,
  facts: RolloutFacts,
  { node, repairs }: LabelChange,
): Promise<boolean> {
  const known = facts.instances.get(node)
  if (repairs === undefined || known === undefined) return true
  const ref = { name: known.name, namespace: known.namespace }
  const found = await client.get(OS_INSTANCES, ref)
  if (found === undefined) return false
  const current = instanceFacts(found)
  return !current.isIdle && (current.claim ?? '') === repairs
}

async function writeLabels(
  deps: ApplyDeps,
  change: LabelChange | undefined,
  uid: string | undefined,
): Promise<void> {
  if (change === undefined) return
  // The UID keeps the label off a node that was made anew under the same name.
  const metadata = { ...(uid === undefined ? {} : { uid }), labels: change.labels }
  const patch = { type: 'merge' as const, body: { metadata } }
  await deps.client.patch(NODES, { name: change.node }, patch, { signal: deps.signal })
}

/** Deletes exactly the OSInstance that was seen. */
export async function deleteInstance(
  client: KubeClient,
  instance: Pick<InstanceFacts, 'name' | 'namespace' | 'uid' | 'resourceVersion'>,
): Promise<void> {
  const { name, namespace, uid, resourceVersion } = instance
  await client.delete(OS_INSTANCES, { name, namespace }, { uid, resourceVersion })
}

/** Runs all tasks, some at once; returns what failed. */
export async function runAll(tasks: readonly (() => Promise<void>)[]): Promise<OsError[]> {
  const failures: OsError[] = []
  const left = tasks.values()
  const worker = async () => {
    for (const task of left) {
      try {
        await task()
      } catch (error) {
        failures.push(toOsError(error))
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(WRITES_AT_ONCE, tasks.length) }, worker))
  return failures
}

function logFields(facts: RolloutFacts, { claim }: ClaimWrite) {
  return {
    os: facts.os.key,
    node: claim.node,
    claim: claim.id,
    operation: claim.operation,
    version: claim.image.version,
  }
}
