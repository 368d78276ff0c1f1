// Applies a request as one transaction (decision 25) and remembers what it applied.
import type { ConfigureParams } from '@kubenest/api/agent/rpc'
import { isOsError, OsError, toOsError } from '@kubenest/base/errors'
import { sha256Hex } from '../../linux/sha256.ts'
import { modelNamed } from './models.ts'
import { readTarget, type SettingsDeps } from './node-target.ts'
import { withoutOverlaps } from './plan-settings.ts'
import { prepareSettings, type Prepared } from './prepare-settings.ts'
import type { ServiceUnit } from './service-units.ts'
import {
  isRestarted,
  openSession,
  servicesFor,
  timestamp,
  type SettingsSession,
} from './session.ts'
import type { AppliedKey, SavedTarget, SettingsRecord } from './settings-record.ts'
import type { SettingsStore } from './settings-store.ts'
import { runTransaction } from './transaction.ts'
import { undoSettings } from './undo-settings.ts'
import { markWaiting } from './waiting.ts'

const REQUESTS_KEPT = 16

/** Applies all entries; throws OsError with nothing changed. */
export async function configureSettings(
  request: ConfigureParams,
  store: SettingsStore,
  deps: SettingsDeps,
): Promise<void> {
  const session = await openSession(store, deps)
  const { record, bootId } = session
  const id = requestId(request)
  if (id !== undefined && record.requests.includes(id))
    return deps.log.info('these settings were applied before', { operation: request.operation_id })
  const prepared = await prepareSettings(request.configs, deps)
  const { plan, writes } = prepared
  for (const warning of plan.warnings) deps.log.warn('a setting was left out', { ...warning })
  const services = request.restart === true ? servicesFor(writes, session.waiting) : []
  const commit = async (saved: readonly SavedTarget[]): Promise<SettingsRecord> => ({
    ...(await recordAfter(session, prepared, saved, services)),
    requests: [...record.requests, ...(id === undefined ? [] : [id])].slice(-REQUESTS_KEPT),
  })
  try {
    await runTransaction({ bootId, record, writes, services, commit }, store, deps)
  } catch (error) {
    // The file that the service does not run with was written by the configure before.
    if (writes.length === 0 && isOsError(error, 'service-not-staying'))
      await undoFor(error, store, deps)
    throw error
  }
}

async function recordAfter(
  { record, bootId, waiting, deps }: SettingsSession,
  prepared: Prepared,
  saved: readonly SavedTarget[],
  services: readonly ServiceUnit[],
): Promise<SettingsRecord> {
  const time = timestamp(deps)
  const marks = await markWaiting(
    waiting.filter((mark) => !isRestarted(mark, services)),
    saved.filter((each) => !isRestarted({ target: each.waitsFor }, services)),
    { bootId, time },
    deps,
  )
  const applied = await appliedAfter(record.applied, prepared, bootId, deps)
  const next = { ...record, applied, waiting: marks }
  if (saved.length === 0) return next
  const last = { bootId, targets: saved, appliedBefore: record.applied, waitingBefore: waiting }
  return { ...next, changedAt: time, last }
}

async function undoFor(error: OsError, store: SettingsStore, deps: SettingsDeps): Promise<void> {
  try {
    await undoSettings({ restart: true }, store, deps)
  } catch (cause) {
    const reason = toOsError(cause).message
    const message = `${error.message}; and what was applied before could not be undone: ${reason}`
    throw new OsError('host', { code: 'settings-undo-failed', message, cause })
  }
}

async function appliedAfter(
  before: readonly AppliedKey[],
  { plan, found, writes }: Prepared,
  bootId: string,
  deps: SettingsDeps,
): Promise<AppliedKey[]> {
  const fresh: AppliedKey[] = []
  for (const watched of plan.watched) {
    const each = found.get(watched.path)
    if (each === undefined) continue
    const isKernelValue = each.target.kind === 'kernel-value'
    const written = writes.find((write) => write.target.path === watched.path)
    const text = isKernelValue
      ? await readTarget(each.target, each.realPath, deps)
      : written === undefined
        ? each.before
        : written.after
    // A value that cannot be read cannot drift either.
    if (isKernelValue && text === undefined) continue
    const value = text === undefined ? undefined : modelNamed(watched.model).observe(text, watched)
    fresh.push({ ...watched, value: value ?? null, ...(isKernelValue ? { bootId } : {}) })
  }
  return [...withoutOverlaps(before, plan.watched), ...fresh]
}

/** Equal for the same request of the same operation; `undefined` for callers without one. */
function requestId({ operation_id: id, configs }: ConfigureParams): string | undefined {
  return id === undefined ? undefined : `${id.slice(0, 128)}:${sha256Hex(JSON.stringify(configs))}`
}
