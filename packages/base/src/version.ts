// Build identity, replaced at build time by tools/build.ts (`define`).
declare const KUBENEST_VERSION: string | undefined
declare const KUBENEST_COMMIT: string | undefined
declare const KUBENEST_TARGET: string | undefined

/** Version, commit and target of this program; `dev` values when run from source. */
export const buildInfo = {
  version: typeof KUBENEST_VERSION === 'string' ? KUBENEST_VERSION : '0.0.0-dev',
  commit: typeof KUBENEST_COMMIT === 'string' ? KUBENEST_COMMIT : 'unknown',
  target: typeof KUBENEST_TARGET === 'string' ? KUBENEST_TARGET : 'source',
} as const

/** The text behind `--version`. */
export function renderVersion(program: string): string {
  return `${program} ${buildInfo.version} (commit ${buildInfo.commit}, ${buildInfo.target})`
}
