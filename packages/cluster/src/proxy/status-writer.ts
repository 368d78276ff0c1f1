// Writes the mirror at most once a second, bytes alone each five; what an API server with
// upstream's CRD prunes is not written again by this process (decision 3).
import type { OsInstance } from '@kubenest/api/os/os'
import type { Clock } from '@kubenest/base/clock'
import { toOsError } from '@kubenest/base/errors'
import type { Logger } from '@kubenest/base/log'
import type { KubeClient } from '@kubenest/kube/client/kube-client'
import type { MirroredStatus } from './render-status.ts'
import { writeStatus, type StatusPatch } from './write-instance.ts'

const PAUSE_MS = 1000
const PROGRESS_PAUSE_MS = 5000
const MEMBERS = ['conditions', 'slots', 'operation', 'agentVersion', 'settings'] as const

export interface StatusWriter {
  /**
   * Writes when something differs and the pause is over. Never throws: a status may be late.
   *
   * @returns the instance as written, and when to call again when the pause was not over
   */
  mirror(
    instance: OsInstance,
    wanted: MirroredStatus,
  ): Promise<{ readonly instance?: OsInstance; readonly afterMs?: number }>
}

export interface StatusWriterOptions {
  readonly client: KubeClient
  readonly clock: Clock
  readonly log: Logger
}

export function createStatusWriter(options: StatusWriterOptions): StatusWriter {
  const { client, clock, log } = options
  let lastMs = Number.NEGATIVE_INFINITY
  let isPruned = false
  return {
    async mirror(instance, wanted) {
      if (isPruned) return {}
      const known = pick(instance.status ?? {})
      if (isEqual(known, wanted)) return {}
      const isProgress = isEqual(withoutBytes(known), withoutBytes(wanted))
      const waitMs = lastMs + (isProgress ? PROGRESS_PAUSE_MS : PAUSE_MS) - clock.monotonicMs()
      if (waitMs > 0) return { afterMs: waitMs }
      lastMs = clock.monotonicMs()
      try {
        const written = await writeStatus(client, instance, mergePatch(known, wanted))
        isPruned = written.status?.conditions === undefined
        if (isPruned)
          log.warn('Cannot keep status: the CRD prunes it', { missing: 'status.conditions' })
        return { instance: written }
      } catch (error) {
        log.debug('Cannot write status', { error: toOsError(error).message })
        return { afterMs: PROGRESS_PAUSE_MS }
      }
    },
  }
}

function pick(status: NonNullable<OsInstance['status']>): MirroredStatus {
  return Object.fromEntries(
    MEMBERS.flatMap((member) => (status[member] === undefined ? [] : [[member, status[member]]])),
  )
}

function withoutBytes(status: MirroredStatus): MirroredStatus {
  const { operation } = status
  if (operation === undefined) return status
  const { bytesDone: _done, bytesTotal: _total, ...rest } = operation
  return { ...status, operation: rest }
}

/**
 * A merge patch keeps what it does not name, so members that went are named with null. Lists are
 * whole.
 */
function mergePatch(known: MirroredStatus, wanted: MirroredStatus): StatusPatch {
  const { conditions = [], slots, operation, agentVersion, settings } = wanted
  return {
    conditions,
    ...(slots === undefined ? {} : { slots }),
    ...(agentVersion === undefined ? {} : { agentVersion }),
    ...membersPatch('settings', known.settings, settings),
    ...membersPatch('operation', known.operation, operation),
  }
}

function membersPatch(
  name: 'settings' | 'operation',
  known: object | undefined,
  wanted: object | undefined,
): StatusPatch {
  if (wanted === undefined) return known === undefined ? {} : { [name]: null }
  const gone = Object.keys(known ?? {}).filter((member) => !(member in wanted))
  return { [name]: { ...Object.fromEntries(gone.map((member) => [member, null])), ...wanted } }
}

/** Order of members does not count: the API server sorts them. */
function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(members.map(([key, member]) => [key, sorted(member)]))
}
