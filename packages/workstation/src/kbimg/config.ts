// What a kbimg configuration says, typed (contract 6.5). Names here are ours; the documented TOML
// keys exist only in read-config.ts. Passwords are wrapped, so that no log line can show one by
// accident.

/**
 * A value that prints as asterisks everywhere; `reveal` is called only where a tool reads it from
 * stdin.
 */
export interface Secret {
  reveal(): string
  toJSON(): string
}

/** Wraps a secret. */
export function secret(value: string): Secret {
  return { reveal: () => value, toJSON: () => '********' }
}

/** Types of image that can be asked for; only the first two are built today. */
export const IMAGE_TYPES = ['vm-img', 'upgrade-img', 'pxe-img', 'admin-container'] as const
export type ImageType = (typeof IMAGE_TYPES)[number]

/** Types that are built today. */
export type BuiltImageType = 'vm-img' | 'upgrade-img'

export interface RepoConfig {
  readonly version: string
  readonly repoPath: string
  readonly agentPath: string
  /** Shadow-style hash. */
  readonly rootPasswordHash: Secret
  readonly packages: readonly string[]
  readonly legacyBios: boolean
  readonly upgradeImage: string | undefined
}

export interface UserConfig {
  readonly name: string
  readonly password: Secret
  readonly primaryGroup: string | undefined
  readonly groups: readonly string[]
}

export interface CopyConfig {
  readonly source: string
  readonly destination: string
  readonly createDirectory: string | undefined
}

export interface ChrootScriptConfig {
  readonly path: string
  readonly removeAfterwards: boolean
}

export interface DiskConfig {
  readonly rootMib: number
  readonly imageGib: number
}

/** A whole configuration for an image from packages. */
export interface ImageConfig {
  readonly repo: RepoConfig
  readonly users: readonly UserConfig[]
  readonly copies: readonly CopyConfig[]
  readonly grubPassword: Secret | undefined
  readonly services: readonly string[]
  readonly chrootScript: ChrootScriptConfig | undefined
  readonly disk: DiskConfig
  readonly persistFolders: readonly string[]
}

/** Contract 6.9: what holds when `disk_partition` is absent. */
export const DEFAULT_DISK: DiskConfig = { rootMib: 2560, imageGib: 20 }
