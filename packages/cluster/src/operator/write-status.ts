// Writes the status of OS objects: only when it changed, at most once per second and object, and
// never again once it came back pruned, because upstream's CRD knows no status (decisions 3 and
// 11).
import type { Condition } from '@kubenest/api/core/objects'
import type { Os, OsStatus } from '@kubenest/api/os/os'
import type { Clock } from '@kubenest/base/clock'
import { isOsError } from '@kubenest/base/errors'
import type { Logger } from '@kubenest/base/log'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import { OSES } from '@kubenest/kube/client/resources'
import { objectKey } from '@kubenest/kube/object-key'
import { setCondition } from '@kubenest/kube/controller/conditions'
import type { PlannedStatus } from './os-status.ts'

/** Least time between two writes of one object's status. */
export const STATUS_PAUSE_MS = 1000
/** An API server that has just started refuses everybody for a moment. */
export const STATUS_REFUSED_PAUSE_MS = 30_000

/** See {@link createStatusWriter}. */
export interface StatusWriter {
  /** Writes if needed; says when to try again if it is too early. */
  write(os: Os, planned: PlannedStatus, signal: AbortSignal): Promise<number | undefined>
  /** The object is gone. */
  forget(key: string): void
}

interface Written {
  uid: string
  text: string
  conditions: readonly Condition[]
  atMs: number
}

/** Makes a writer; it remembers what it wrote last. */
export function createStatusWriter(deps: {
  client: KubeClient
  clock: Clock
  log: Logger
}): StatusWriter {
  const written = new Map<string, Written>()
  let isSupported = true
  let refusedUntilMs = 0
  let hasSaidRefused = false

  async function write(os: Os, planned: PlannedStatus, signal: AbortSignal) {
    const key = objectKey(os)
    const { uid = '' } = os.metadata
    const known = written.get(key)
    const last = known?.uid === uid ? known : undefined
    const before = last?.conditions ?? statusConditions(os)
    const conditions = transitions(before, planned, deps.clock.nowMs())
    const text = JSON.stringify({ ...planned, conditions })
    if (!isSupported || last?.text === text) return undefined
    const nowMs = deps.clock.monotonicMs()
    if (nowMs < refusedUntilMs) return refusedUntilMs - nowMs
    if (last !== undefined && nowMs - last.atMs < STATUS_PAUSE_MS)
      return STATUS_PAUSE_MS - (nowMs - last.atMs)
    written.set(key, { uid, text, conditions, atMs: nowMs })
    return await send(os, { ...planned, conditions: [...conditions] }, signal)
  }

  async function send(os: Os, status: OsStatus, signal: AbortSignal): Promise<number | undefined> {
    const { name, namespace = '' } = os.metadata
    // Members that are gone must be removed by null.
    const body = { status: { nextActionTime: null, ...status } }
    try {
      const patch = { type: 'merge' as const, body }
      const answer = await deps.client.patch(OSES, { name, namespace }, patch, {
        subresource: 'status',
        signal,
      })
      if (answer.status?.conditions !== undefined) return undefined
      isSupported = false
      deps.log.info('The OS CRD keeps no status; none is written from now on')
      return undefined
    } catch (error) {
      // The object is gone or has moved on: the next reconcile tells.
      if (isOsError(error, 'kube-not-found')) return undefined
      written.delete(objectKey(os))
      if (!isOsError(error, 'kube-forbidden')) throw error
      refusedUntilMs = deps.clock.monotonicMs() + STATUS_REFUSED_PAUSE_MS
      if (!hasSaidRefused) deps.log.warn('The operator may not write the status of OS objects')
      hasSaidRefused = true
      return STATUS_REFUSED_PAUSE_MS
    }
  }

  return { write, forget: (key) => void written.delete(key) }
}

/** Of an earlier process; only transition times are taken from there. */
function statusConditions(os: Os): Condition[] {
  return (os.status?.conditions ?? []).map(({ observedGeneration, ...rest }) => ({
    ...rest,
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
  }))
}

function transitions(
  before: readonly Condition[],
  planned: PlannedStatus,
  nowMs: number,
): readonly Condition[] {
  const nowIso = new Date(nowMs).toISOString().replace(/\.\d{3}Z$/, 'Z')
  const generation = planned.observedGeneration
  return planned.conditions.reduce<readonly Condition[]>(
    (list, condition) =>
      setCondition(
        list,
        { ...condition, ...(generation === undefined ? {} : { observedGeneration: generation }) },
        nowIso,
      ),
    before,
  )
}
