// Back to before the last configure that changed something, as one transaction too.
import type { UndoSettingsParams, UndoSettingsResult } from '@kubenest/api/agent/settings'
import { OsError } from '@kubenest/base/errors'
import { readTarget, type SettingsDeps } from './node-target.ts'
import type { ServiceUnit } from './service-units.ts'
import {
  isRestarted,
  openSession,
  servicesFor,
  timestamp,
  type SettingsSession,
} from './session.ts'
import type { SavedTarget, SettingsRecord, WaitingMark } from './settings-record.ts'
import type { SettingsStore } from './settings-store.ts'
import { digestOf, locateSaved, runTransaction, type TargetWrite } from './transaction.ts'
import { markWaiting, stillWaiting } from './waiting.ts'

type LastTransaction = NonNullable<SettingsRecord['last']>

/** Undoes; throws OsError `blocked` when there is nothing, or when a person has edited since. */
export async function undoSettings(
  request: UndoSettingsParams,
  store: SettingsStore,
  deps: SettingsDeps,
): Promise<UndoSettingsResult> {
  const session = await openSession(store, deps)
  const { bootId } = session
  const { last, ...record } = session.record
  if (last === undefined) throw blocked('nothing-to-undo', 'no configure is there to go back from')
  const writes = await writesToUndo(last, bootId, deps)
  const services = request.restart === true ? servicesFor(writes, session.waiting) : []
  const commit = async (saved: readonly SavedTarget[]): Promise<SettingsRecord> => ({
    ...record,
    changedAt: timestamp(deps),
    applied: last.appliedBefore,
    waiting: await waitingAfter(session, last, saved, services),
  })
  const before = session.record
  const after = await runTransaction(
    { bootId, record: before, writes, services, commit },
    store,
    deps,
  )
  return {
    status: 'Undone',
    paths: writes.map((write) => write.target.path),
    waitsFor: after.waiting.map((mark) => mark.target),
  }
}

async function waitingAfter(
  { bootId, waiting, deps }: SettingsSession,
  last: LastTransaction,
  saved: readonly SavedTarget[],
  services: readonly ServiceUnit[],
): Promise<WaitingMark[]> {
  // A service that has not been started since runs with what is being put back.
  const unread = new Set(waiting.map((mark) => mark.target))
  const old = await stillWaiting(last.waitingBefore, bootId, deps)
  const fresh = saved.filter((each) => each.waitsFor !== undefined && !unread.has(each.waitsFor))
  return markWaiting(
    old.filter((mark) => !isRestarted(mark, services)),
    fresh.filter((each) => !isRestarted({ target: each.waitsFor }, services)),
    { bootId, time: timestamp(deps) },
    deps,
  )
}

async function writesToUndo(
  last: LastTransaction,
  bootId: string,
  deps: SettingsDeps,
): Promise<TargetWrite[]> {
  const writes: TargetWrite[] = []
  const changed: string[] = []
  for (const saved of last.targets.toReversed()) {
    const isForgotten = last.bootId !== bootId || saved.before === null
    if (saved.kind === 'kernel-value' && isForgotten) continue
    const realPath = await locateSaved(saved, deps)
    const before = await readTarget(saved, realPath, deps)
    if (saved.kind !== 'kernel-value' && digestOf(before) !== saved.after) changed.push(saved.path)
    const target = { path: saved.path, kind: saved.kind }
    const after = saved.before ?? undefined
    writes.push({ target, realPath, before, after, waitsFor: saved.waitsFor })
  }
  // A person's later edit wins over going back.
  if (changed.length > 0)
    throw blocked(
      'settings-changed-since',
      `${changed.join(', ')} was changed by somebody else since; put it back or apply settings anew`,
    )
  return writes
}

function blocked(code: string, reason: string): OsError {
  return new OsError('blocked', { code, message: `Cannot undo the settings: ${reason}` })
}
