// Port: one kind of setting (decision 25). A model says which files it looks at, and turns a
// request and their present content into changes. It is pure: reading, applying and undoing are the
// same for all.
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'

/** A file whose content a plan is made from. */
export interface SettingTarget {
  /** Absolute path on the node; for `kernel-value` below /proc/sys. */
  readonly path: string
  /** `file`: replaced as a whole. `kernel-value`: must exist, written in place with one write. */
  readonly kind: 'file' | 'kernel-value'
  /** For `file`: where the path may lead when links are followed. */
  readonly isAllowed?: (path: string) => boolean
}

/** A content to write. */
export interface SettingChange {
  readonly target: SettingTarget
  readonly content: string
}

/** What a model makes of one entry. Warnings never fail a request. */
export interface ModelPlan {
  readonly changes: readonly SettingChange[]
  readonly warnings: readonly SettingWarning[]
}

/** A content that is left out, and why. */
export interface SettingWarning {
  readonly model: string
  readonly key: string
  readonly reason: string
}

/** One kind of setting, by the name users write. */
export interface SettingModel {
  readonly name: string
  /** Checks keys, values and path, before anything is read; throws OsError `invalid`. */
  targetsOf(entry: ConfigureEntry): readonly SettingTarget[]
  /**
   * `read` gives a target's content as the plan so far leaves it; `undefined` when it does not
   * exist.
   */
  plan(entry: ConfigureEntry, read: (path: string) => string | undefined): ModelPlan
}
