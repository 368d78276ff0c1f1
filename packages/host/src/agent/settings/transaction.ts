// Writes several targets as one: what was there is remembered durably before the first write, and
// any failure, also of a service that does not stay with the new files, puts all of it back. A
// transaction that a kill or a power cut has ended is taken back at the next start.
import { OsError, toOsError } from '@kubenest/base/errors'
import { removeLeftovers } from '@kubenest/base/files'
import type { RestartTarget } from '@kubenest/api/agent/settings'
import { removeBootLeftovers } from '../../linux/replace-boot-file.ts'
import { sha256Hex } from '../../linux/sha256.ts'
import { locateTarget } from './locate-target.ts'
import { readTarget, writeTarget, type FoundTarget, type SettingsDeps } from './node-target.ts'
import { restartUnit, type ServiceUnit } from './service-units.ts'
import type { SavedTarget, SettingsRecord } from './settings-record.ts'
import type { SettingsStore } from './settings-store.ts'

/** One target with the content it gets; `undefined` removes the file. */
export interface TargetWrite extends FoundTarget {
  readonly after: string | undefined
  readonly waitsFor?: RestartTarget | undefined
}

/** Everything that is one. */
export interface Transaction {
  readonly bootId: string
  readonly record: SettingsRecord
  readonly writes: readonly TargetWrite[]
  /** Services to start again, in this order. */
  readonly services: readonly ServiceUnit[]
  /** The record afterwards; called when everything is written and runs. */
  readonly commit: (saved: readonly SavedTarget[]) => Promise<SettingsRecord>
}

/** Runs a transaction; throws OsError with everything as it was. */
export async function runTransaction(
  { bootId, record, writes, services, commit }: Transaction,
  store: SettingsStore,
  deps: SettingsDeps,
): Promise<SettingsRecord> {
  const saved = writes.map((write) => savedOf(write, deps))
  if (writes.length > 0) await store.write({ ...record, open: { bootId, targets: saved } })
  const touched: TargetWrite[] = []
  const restarted: ServiceUnit[] = []
  try {
    for (const write of writes) await perform(write, touched, deps)
    for (const unit of services) {
      restarted.push(unit)
      await restartUnit(unit, deps)
    }
    const next = await commit(saved)
    await store.write(next)
    return next
  } catch (error) {
    // Without a write there is nothing that a service would run better with.
    if (writes.length === 0) throw error
    const lost = [...(await putBack(touched, deps)), ...(await startAgain(restarted, deps))]
    // What could not be put back is tried again at the next start.
    if (lost.length === 0) await forget(record, store, deps)
    throw lost.length === 0 ? error : undoFailed(error, lost)
  }
}

async function perform(
  write: TargetWrite,
  touched: TargetWrite[],
  deps: SettingsDeps,
): Promise<void> {
  const isKernelValue = write.target.kind === 'kernel-value'
  // Noted before the write: a file that is written in place may be half-way when that fails. A
  // kernel value is set or it is not.
  if (!isKernelValue) touched.unshift(write)
  await writeTarget(write.target, write.realPath, write.after, deps)
  if (isKernelValue) touched.unshift(write)
  deps.log.info('setting written', { path: write.target.path })
}

async function putBack(touched: readonly TargetWrite[], deps: SettingsDeps): Promise<string[]> {
  const lost: string[] = []
  for (const { target, realPath, before } of touched) {
    try {
      await writeTarget(target, realPath, before, deps)
    } catch (error) {
      const reason = toOsError(error).message
      deps.log.error('a setting could not be put back', { path: target.path, reason })
      lost.push(target.path)
    }
  }
  return lost
}

async function startAgain(units: readonly ServiceUnit[], deps: SettingsDeps): Promise<string[]> {
  const lost: string[] = []
  for (const unit of units) {
    try {
      await restartUnit(unit, deps)
    } catch (error) {
      deps.log.error('a service does not run with its old file', {
        unit,
        reason: toOsError(error).message,
      })
      lost.push(unit)
    }
  }
  return lost
}

async function forget(
  record: SettingsRecord,
  store: SettingsStore,
  deps: SettingsDeps,
): Promise<void> {
  try {
    await store.write(record)
  } catch (error) {
    // The next start finds an open transaction whose targets are as before, and closes it.
    deps.log.warn('the record of settings could not be closed', {
      reason: toOsError(error).message,
    })
  }
}

/** Takes back what an earlier process did not finish; returns the record without it. */
export async function recoverTransaction(
  record: SettingsRecord,
  bootId: string,
  store: SettingsStore,
  deps: SettingsDeps,
): Promise<SettingsRecord> {
  if (record.open === undefined) return record
  const isSameBoot = record.open.bootId === bootId
  for (const saved of record.open.targets.toReversed()) await recover(saved, isSameBoot, deps)
  const { open, ...next } = record
  await store.write(next)
  deps.log.warn('unfinished settings were taken back', {
    paths: open.targets.map((each) => each.path).join(' '),
  })
  return next
}

async function recover(saved: SavedTarget, isSameBoot: boolean, deps: SettingsDeps): Promise<void> {
  // The kernel has forgotten what an earlier boot set.
  if (saved.kind === 'kernel-value' && (!isSameBoot || saved.before === null)) return
  const realPath = await locateSaved(saved, deps)
  if (saved.kind === 'file') await removeLeftovers(realPath)
  if (saved.kind === 'boot-file' && isSameBoot) await removeBootLeftovers(realPath)
  const found = digestOf(await readTarget(saved, realPath, deps))
  if (found === digestOf(saved.before ?? undefined)) return
  if (saved.kind !== 'kernel-value' && found !== saved.after)
    return deps.log.warn('a file was changed by somebody else and is left as it is', {
      path: saved.path,
    })
  await writeTarget(saved, realPath, saved.before ?? undefined, deps)
}

/** Where a remembered target is; throws when its path leads somewhere else by now. */
export function locateSaved(saved: SavedTarget, deps: SettingsDeps): Promise<string> {
  const { path, kind, leadsTo } = saved
  const target = { path, kind, isAllowed: (real: string) => real === leadsTo }
  return locateTarget(target, deps.sysroot, deps.ownerUid)
}

/** SHA-256, hex; null for no file. */
export function digestOf(content: string | undefined): string | null {
  return content === undefined ? null : sha256Hex(content)
}

function savedOf(write: TargetWrite, { sysroot }: SettingsDeps): SavedTarget {
  const { target, realPath, before, after, waitsFor } = write
  const root = sysroot.path('/')
  const leadsTo = root === '/' ? realPath : `/${realPath.slice(root.length).replace(/^\/+/, '')}`
  return {
    path: target.path,
    kind: target.kind,
    leadsTo,
    before: before ?? null,
    after: digestOf(after),
    ...(waitsFor === undefined ? {} : { waitsFor }),
  }
}

function undoFailed(error: unknown, lost: readonly string[]): OsError {
  const failure = toOsError(error)
  return new OsError('host', {
    code: 'settings-undo-failed',
    message: `${failure.message}; and these could not be put back: ${lost.join(', ')}`,
    cause: error,
  })
}
