// Applies one settings request, for callers that need nothing else.
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import { createSettings, type SettingsDeps } from './settings.ts'

/** Applies all entries; throws OsError with nothing changed. */
export function applySettings(
  configs: readonly ConfigureEntry[],
  deps: SettingsDeps,
): Promise<void> {
  return createSettings(deps).configure({ configs: [...configs] })
}
