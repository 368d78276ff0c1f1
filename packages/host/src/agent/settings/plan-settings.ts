// Decides what a settings request changes. Pure: from the request and the present contents to a
// list of contents to write. The whole request is planned, or refused, before anything is written.
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import { modelNamed } from './models.ts'
import type { SettingChange, SettingTarget, SettingWarning } from './setting-model.ts'

/** Everything a request comes to. */
export interface SettingsPlan {
  /** In the order of the request; one per file, with its final content. */
  readonly changes: readonly SettingChange[]
  readonly warnings: readonly SettingWarning[]
}

/** Checks every entry and says what must be read for the plan; throws OsError `invalid`. */
export function targetsOfSettings(configs: readonly ConfigureEntry[]): readonly SettingTarget[] {
  const targets = configs.flatMap((entry) => modelNamed(entry.model).targetsOf(entry))
  return [...new Map(targets.map((target) => [target.path, target])).values()]
}

/** Plans all entries in order; a later entry sees what an earlier one leaves. */
export function planSettings(
  configs: readonly ConfigureEntry[],
  present: ReadonlyMap<string, string | undefined>,
): SettingsPlan {
  const contents = new Map(present)
  const changes = new Map<string, SettingChange>()
  const warnings: SettingWarning[] = []
  for (const entry of configs) {
    const plan = modelNamed(entry.model).plan(entry, (path) => contents.get(path))
    warnings.push(...plan.warnings)
    for (const change of plan.changes) {
      contents.set(change.target.path, change.content)
      changes.set(change.target.path, change)
    }
  }
  return { changes: [...changes.values()], warnings }
}
