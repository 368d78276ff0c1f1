// One look at the record of settings: what an interrupted process left is taken back first.
import { readText } from '@kubenest/base/files'
import type { SettingsDeps } from './node-target.ts'
import type { SettingsRecord, WaitingMark } from './settings-record.ts'
import type { SettingsStore } from './settings-store.ts'
import { SERVICE_UNITS, type ServiceUnit } from './service-units.ts'
import { recoverTransaction, type TargetWrite } from './transaction.ts'
import { stillWaiting } from './waiting.ts'

/** What a change of settings begins with. */
export interface SettingsSession {
  readonly deps: SettingsDeps
  readonly store: SettingsStore
  readonly record: SettingsRecord
  readonly bootId: string
  /** Files that do not count yet. */
  readonly waiting: readonly WaitingMark[]
}

/** Opens a session. */
export async function openSession(
  store: SettingsStore,
  deps: SettingsDeps,
): Promise<SettingsSession> {
  const bootId = await readBootId(deps)
  const record = await recoverTransaction(await store.read(), bootId, store, deps)
  return { deps, store, record, bootId, waiting: await stillWaiting(record.waiting, bootId, deps) }
}

/** The kernel's id of this boot. */
export async function readBootId({ sysroot }: SettingsDeps): Promise<string> {
  const text = await readText(sysroot.path('/proc/sys/kernel/random/boot_id'))
  return text?.trim() ?? 'unknown'
}

/** Wall clock, RFC 3339. */
export function timestamp({ clock }: SettingsDeps): string {
  return new Date(clock.nowMs()).toISOString()
}

/** Services whose files are written, or that have not read the last ones yet. */
export function servicesFor(
  writes: readonly TargetWrite[],
  waiting: readonly WaitingMark[],
): ServiceUnit[] {
  const wanted = new Set([
    ...writes.map((write) => write.waitsFor),
    ...waiting.map((mark) => mark.target),
  ])
  return SERVICE_UNITS.filter((unit) => wanted.has(unit))
}

/** True when what is waited for is started again by the transaction itself. */
export function isRestarted(
  { target }: { readonly target?: WaitingMark['target'] | undefined },
  services: readonly ServiceUnit[],
): boolean {
  return services.some((unit) => unit === target)
}
