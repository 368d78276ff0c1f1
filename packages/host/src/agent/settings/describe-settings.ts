// What drift and status tell. Reads only.
import type { SettingsDriftResult, SettingsStatus } from '@kubenest/api/agent/settings'
import { toOsError } from '@kubenest/base/errors'
import { readText } from '@kubenest/base/files'
import { findDrift, type PresentContent } from './drift.ts'
import type { SettingsDeps } from './node-target.ts'
import { readBootId } from './session.ts'
import type { AppliedKey, SettingsRecord } from './settings-record.ts'
import type { SettingsStore } from './settings-store.ts'
import { describeWaiting, stillWaiting } from './waiting.ts'

const DRIFT_SHOWN_MAX = 20

/** What no longer is as it was applied. */
export async function describeDrift(
  store: SettingsStore,
  deps: SettingsDeps,
): Promise<SettingsDriftResult> {
  const watched = await watchedNow(await store.read(), deps)
  return { watched: watched.length, drift: findDrift(watched, await readPresent(watched, deps)) }
}

/** The member `settings` of `status`; `undefined` when none were ever applied. */
export async function describeSettings(
  store: SettingsStore,
  deps: SettingsDeps,
): Promise<SettingsStatus | undefined> {
  const record = await store.read()
  if (record.changedAt === undefined) return undefined
  const { drift } = await describeDrift(store, deps)
  const waiting = await stillWaiting(record.waiting, await readBootId(deps), deps)
  return {
    changedAt: record.changedAt,
    canUndo: record.last !== undefined,
    waiting: describeWaiting(waiting),
    drift: drift.slice(0, DRIFT_SHOWN_MAX),
    driftCount: drift.length,
  }
}

async function watchedNow(record: SettingsRecord, deps: SettingsDeps): Promise<AppliedKey[]> {
  const isVolatile = record.applied.some((each) => each.bootId !== undefined)
  const bootId = isVolatile ? await readBootId(deps) : ''
  return record.applied.filter((each) => each.bootId === undefined || each.bootId === bootId)
}

async function readPresent(
  watched: readonly AppliedKey[],
  { sysroot }: SettingsDeps,
): Promise<Map<string, PresentContent>> {
  const present = new Map<string, PresentContent>()
  for (const { path } of watched) {
    if (present.has(path)) continue
    try {
      present.set(path, await readText(sysroot.path(path)))
    } catch (cause) {
      present.set(path, toOsError(cause))
    }
  }
  return present
}
