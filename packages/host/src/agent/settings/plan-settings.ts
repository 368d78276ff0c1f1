// Decides what a settings request changes. Pure: from the request and the present contents to a
// list of contents to write. The whole request is planned, or refused, before anything is written.
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import type { RestartTarget } from '@kubenest/api/agent/settings'
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
  /** By path: what a change takes effect with. */
  readonly waitsFor: ReadonlyMap<string, RestartTarget>
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
  let watched: WatchedKey[] = []
  const waitsFor = new Map<string, RestartTarget>()
  for (const entry of configs) {
    const model = modelNamed(entry.model)
    const plan = model.plan(entry, (path) => contents.get(path), facts)
    warnings.push(...plan.warnings)
    watched = [...withoutOverlaps(watched, plan.watched), ...plan.watched]
    for (const change of plan.changes) {
      contents.set(change.target.path, change.content)
      changes.set(change.target.path, change)
      if (model.waitsFor !== undefined) waitsFor.set(change.target.path, model.waitsFor)
    }
  }
  return { changes: [...changes.values()], warnings, watched, waitsFor }
}

/** Those of `old` that none of `fresh` says something newer about. */
export function withoutOverlaps<T extends WatchedKey>(
  old: readonly T[],
  fresh: readonly WatchedKey[],
): T[] {
  return old.filter((each) => !fresh.some((other) => doOverlap(each, other)))
}

/** The same key, or one that holds the other. */
function doOverlap(left: WatchedKey, right: WatchedKey): boolean {
  if (left.path !== right.path || left.slot !== right.slot) return false
  const [one, two] = [partsOf(left), partsOf(right)]
  return one.slice(0, two.length).every((part, index) => part === two[index])
}

function partsOf({ model, key }: WatchedKey): readonly string[] {
  return modelNamed(model).partsOf?.(key) ?? [key]
}

/** True when a model of the request has to know the boot menus. */
export function needsBoot(configs: readonly ConfigureEntry[]): boolean {
  return configs.some((entry) => modelNamed(entry.model).needsBoot === true)
}
