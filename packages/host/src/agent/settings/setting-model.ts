// Port: one kind of setting (decision 25). A model says which files it looks at, and turns a
// request and their present content into changes. It is pure: reading, applying and undoing are the
// same for all.
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import type { RestartTarget, SettingWarning } from '@kubenest/api/agent/settings'
import type { SlotName } from '../update/journal-state.ts'

export type { SettingWarning }

/** A file whose content a plan is made from. */
export interface SettingTarget {
  /** Absolute path on the node; for `kernel-value` below /proc/sys. */
  readonly path: string
  /**
   * `file`: replaced as a whole. `boot-file`: the same, on the boot partition. `kernel-value`: must
   * exist, written in place with one write.
   */
  readonly kind: 'file' | 'boot-file' | 'kernel-value'
  /** For files: where the path may lead when links are followed. */
  readonly isAllowed?: (path: string) => boolean
}

/** A content to write. */
export interface SettingChange {
  readonly target: SettingTarget
  readonly content: string
}

/** A key that the request sets or deletes, and where. */
export interface WatchedKey {
  readonly model: string
  readonly path: string
  readonly key: string
  /** Of a boot menu: the slot whose entry holds the key. */
  readonly slot?: SlotName
}

/** What a model makes of one entry. Warnings never fail a request. */
export interface ModelPlan {
  readonly changes: readonly SettingChange[]
  readonly warnings: readonly SettingWarning[]
  /** Keys that are as the request wants them once `changes` are written. */
  readonly watched: readonly WatchedKey[]
}

/** The node's boot menus, for models that edit them. */
export interface BootFacts {
  /** Menus to edit, the one that boots first. */
  readonly menus: readonly string[]
  readonly booted: SlotName
  readonly partuuids?: { readonly a: string; readonly b: string } | undefined
  /**
   * Slots that the `root` values of the request lead to; a value that leads elsewhere is absent.
   */
  readonly slotOfRoot: ReadonlyMap<string, SlotName>
}

/** What models know of the node; `boot` only where a model of the request needs it. */
export interface SettingsFacts {
  readonly boot?: BootFacts | 'verity'
}

/** One kind of setting, by the name users write. */
export interface SettingModel {
  readonly name: string
  readonly needsBoot?: boolean
  /** What has to start anew before a change counts. */
  readonly waitsFor?: RestartTarget
  /** Checks keys, values and path, before anything is read; throws OsError `invalid`. */
  targetsOf(entry: ConfigureEntry, facts: SettingsFacts): readonly SettingTarget[]
  /**
   * `read` gives a target's content as the plan so far leaves it; `undefined` when it does not
   * exist.
   */
  plan(
    entry: ConfigureEntry,
    read: (path: string) => string | undefined,
    facts: SettingsFacts,
  ): ModelPlan
  /** Parts of a key, where one key can hold another. @defaultValue the key itself */
  partsOf?(key: string): readonly string[]
  /** A key's present value as comparable text; `undefined` when it is not there. */
  observe(text: string, watched: WatchedKey): string | undefined
}
