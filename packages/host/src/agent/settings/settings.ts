// Settings as the agent serves them: configure, plan, drift, undo, and what `status` tells.
import type { ConfigureParams } from '@kubenest/api/agent/rpc'
import type {
  PlanSettingsResult,
  SettingsDriftResult,
  SettingsStatus,
  UndoSettingsParams,
  UndoSettingsResult,
} from '@kubenest/api/agent/settings'
import { configureSettings } from './configure-settings.ts'
import { describeDrift, describeSettings } from './describe-settings.ts'
import type { SettingsDeps } from './node-target.ts'
import { describePlan, prepareSettings } from './prepare-settings.ts'
import { openSession } from './session.ts'
import { createSettingsStore } from './settings-store.ts'
import { undoSettings } from './undo-settings.ts'

export type { SettingsDeps } from './node-target.ts'

export interface Settings {
  /** Applies a request as a whole; throws OsError with nothing changed. */
  configure(request: ConfigureParams): Promise<void>
  /** What `configure` would do. */
  plan(request: ConfigureParams): Promise<PlanSettingsResult>
  drift(): Promise<SettingsDriftResult>
  /** Back to before the last `configure` that changed something. */
  undo(request: UndoSettingsParams): Promise<UndoSettingsResult>
  /** `undefined` when no settings were ever applied. */
  status(): Promise<SettingsStatus | undefined>
  /** Takes back what an earlier process did not finish. */
  recover(): Promise<void>
}

/** Settings of a system; touches nothing before it is used. */
export function createSettings(deps: SettingsDeps): Settings {
  const store = createSettingsStore(deps)
  return {
    configure: (request) => configureSettings(request, store, deps),
    plan: async (request) => describePlan(await prepareSettings(request.configs, deps)),
    drift: () => describeDrift(store, deps),
    undo: (request) => undoSettings(request, store, deps),
    status: () => describeSettings(store, deps),
    recover: async () => {
      await openSession(store, deps)
    },
  }
}
