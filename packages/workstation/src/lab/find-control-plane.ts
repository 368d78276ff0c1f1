// Where the control plane's programs come from: our cache first (it holds the pinned version), then
// PATH, else they are built by Go. etcd comes from the distribution (Debian: etcd-server).
import { OsError } from '@kubenest/base/errors'
import type { Exec } from '@kubenest/base/exec'
import { buildControlPlane, KUBERNETES_VERSION } from './build-control-plane.ts'
import { findProgram } from './find-program.ts'
import {
  CONTROL_PLANE_PROGRAMS,
  type ControlPlaneProgram,
  VM_PROGRAMS,
  type VmProgram,
} from './lab-record.ts'

/** What finding needs. */
export interface FindDeps {
  readonly exec: Exec
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cacheRoot: string
  readonly say: (line: string) => void
}

/** Paths of the control plane; builds those that are missing, which takes minutes and says so. */
export async function findControlPlane(
  deps: FindDeps,
): Promise<Record<ControlPlaneProgram, string>> {
  return await findPrograms(deps, CONTROL_PLANE_PROGRAMS)
}

/** Paths of what virtual nodes need beside it, in the same way. */
export async function findVmPrograms(deps: FindDeps): Promise<Record<VmProgram, string>> {
  return await findPrograms(deps, VM_PROGRAMS)
}

async function findPrograms<T extends string>(
  deps: FindDeps,
  names: readonly T[],
): Promise<Record<T, string>> {
  const found: Partial<Record<T, string>> = {}
  for (const name of names) {
    const file = await findProgram(name, searchFolders(deps))
    if (file !== undefined) found[name] = file
  }
  const missing = names.filter((name) => found[name] === undefined)
  if (missing.some((name) => name === 'etcd')) throw missingEtcd()
  if (missing.length > 0) await buildControlPlane(deps, missing)
  const paths = names.map((name) => [name, found[name] ?? `${cacheFolder(deps.cacheRoot)}/${name}`])
  return Object.fromEntries(paths) as Record<T, string>
}

/** Folder of the pinned version's programs in the cache. */
export function cacheFolder(cacheRoot: string): string {
  return `${cacheRoot}/control-plane/${KUBERNETES_VERSION}`
}

function searchFolders(deps: FindDeps): string[] {
  const path = deps.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'
  return [cacheFolder(deps.cacheRoot), ...path.split(':').filter((each) => each.startsWith('/'))]
}

function missingEtcd(): OsError {
  return new OsError('host', {
    code: 'etcd-missing',
    message:
      'Cannot start a lab: etcd is not on PATH; install it (Debian: apt-get install etcd-server)',
  })
}
