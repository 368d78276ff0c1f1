// Decides what a settings request changes. Pure: from the request and the present contents to a
// list of contents to write. The whole request is planned, or refused, before anything is written.
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import { modelNamed } from './models.ts'
import type {
  SettingChange,
  SettingsFacts,
  SettingTarget,
  SettingWarning,
  WatchedKey,
} from './setting-model.ts'

/** Everything a request comes to. */
export interface SettingsPlan {
  /** In the order of the request; one per file, with its final content. */
  readonly changes: readonly SettingChange[]
  readonly warnings: readonly SettingWarning[]
  /** Each key once: its last place in the request counts. */
  readonly watched: readonly WatchedKey[]
}

/** Checks every entry and says what must be read for the plan; throws OsError `invalid`. */
export function targetsOfSettings(
  configs: readonly ConfigureEntry[],
  facts: SettingsFacts = {},
): readonly SettingTarget[] {
  const targets = configs.flatMap((entry) => modelNamed(entry.model).targetsOf(entry, facts))
  return [...new Map(targets.map((target) => [target.path, target])).values()]
}

/** Plans all entries in order; a later entry sees what an earlier one leaves. */
export function planSettings(
  configs: readonly ConfigureEntry[],
  present: ReadonlyMap<string, string | undefined>,
  facts: SettingsFacts = {},
): SettingsPlan {
  const contents = new Map(present)
  const changes = new Map<string, SettingChange>()
  const warnings: SettingWarning[] = []
  const watched = new Map<string, WatchedKey>()
  for (const entry of configs) {
    const plan = modelNamed(entry.model).plan(entry, (path) => contents.get(path), facts)
    warnings.push(...plan.warnings)
    for (const each of plan.watched) watched.set(watchedId(each), each)
    for (const change of plan.changes) {
      contents.set(change.target.path, change.content)
      changes.set(change.target.path, change)
    }
  }
  return { changes: [...changes.values()], warnings, watched: [...watched.values()] }
}

/** Equal for the same key in the same place. */
export function watchedId({ model, path, key, slot }: WatchedKey): string {
  return JSON.stringify([model, path, key, slot ?? ''])
}

/** True when a model of the request has to know the boot menus. */
export function needsBoot(configs: readonly ConfigureEntry[]): boolean {
  return configs.some((entry) => modelNamed(entry.model).needsBoot === true)
}
