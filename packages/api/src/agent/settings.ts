// Settings over the agent's socket, beside the documented `configure`: what would change (`plan`),
// what no longer is as it was applied (`drift`), going back (`undo`), and what waits for a restart.
// Answers that may reach the cluster (drift, waiting) name keys and files, never contents: a
// containerd file can hold a registry's password.
import type { ConfigureEntry } from './rpc.ts'

/** Extra members of `configure`; upstream's agent ignores them. */
export interface ConfigureExtras {
  /** Repeats with the same id are answered without applying again; of the OS object's choosing. */
  operation_id?: string
  /**
   * Restart the services whose files this request changes or that still wait for a restart, watch
   * them stay active, and put everything back when one does not. @defaultValue false, as documented
   */
  restart?: boolean
}

/** Parameter of `plan`: what `configure` would get. */
export interface PlanSettingsParams extends ConfigureExtras {
  configs: ConfigureEntry[]
}

/** What a settings file or kernel value would become. */
export interface PlannedChange {
  /** Absolute path on the node. */
  path: string
  kind: 'file' | 'kernel-value'
  /** The file does not exist yet. */
  isNew: boolean
  /** Changed lines in the order of the file, at most 200; `-` goes, `+` comes. */
  lines: { sign: '-' | '+'; text: string }[]
  /** Changed lines that `lines` leaves out. */
  linesLeftOut: number
}

/** A content of the request that has no effect, and why. */
export interface SettingWarning {
  model: string
  key: string
  reason: string
}

/** Result of `plan`; nothing was written. */
export interface PlanSettingsResult {
  changes: PlannedChange[]
  warnings: SettingWarning[]
  /** What the changes take effect with. */
  waitsFor: RestartTarget[]
}

/** What has to start anew before a file counts; `node` is a reboot. */
export type RestartTarget = 'kubelet.service' | 'containerd.service' | 'node'

/** A setting that is no longer as it was applied. */
export interface SettingsDrift {
  model: string
  path: string
  key: string
  /**
   * `removed`: applied and gone; `added`: deleted and back; `unreadable`: the file does not parse.
   */
  kind: 'changed' | 'removed' | 'added' | 'unreadable'
  /** A sentence for people. */
  message: string
}

/** Result of `drift`. */
export interface SettingsDriftResult {
  /** Settings that are watched: each key once, as it was last applied. */
  watched: number
  drift: SettingsDrift[]
}

/** Parameter of `undo`; may be left out. */
export interface UndoSettingsParams {
  /** As in {@link ConfigureExtras}. @defaultValue false */
  restart?: boolean
}

/** Result of `undo`: the files and kernel values that are as before the last `configure`. */
export interface UndoSettingsResult {
  status: 'Undone'
  paths: string[]
  /** What the old contents take effect with. */
  waitsFor: RestartTarget[]
}

/** Files that were changed and do not count yet. */
export interface WaitingRestart {
  target: RestartTarget
  /** RFC 3339: when the first of them was written. */
  since: string
  paths: string[]
}

/** Settings as `status` tells them; absent when none were ever applied. */
export interface SettingsStatus {
  /** RFC 3339: the last `configure` or `undo` that changed something. */
  changedAt: string
  /** The last `configure` can be undone. */
  canUndo: boolean
  waiting: WaitingRestart[]
  /** At most 20; `driftCount` counts all. */
  drift: SettingsDrift[]
  driftCount: number
}
