// Where the control plane's programs come from: our cache first (it holds the pinned version), then
// PATH, else they are built by Go. etcd comes from the distribution (Debian: etcd-server).
import { OsError } from '@kubenest/base/errors'
import type { Exec } from '@kubenest/base/exec'
import { buildControlPlane, KUBERNETES_VERSION } from './build-control-plane.ts'
import { findProgram } from './find-program.ts'
import { CONTROL_PLANE_PROGRAMS, type ControlPlaneProgram } from './lab-record.ts'

/** What finding needs. */
export interface FindDeps {
  readonly exec: Exec
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cacheRoot: string
  readonly say: (line: string) => void
}

/** Paths of all programs; builds those that are missing, which takes minutes and says so. */
export async function findControlPlane(
  deps: FindDeps,
): Promise<Record<ControlPlaneProgram, string>> {
  const found = new Map<ControlPlaneProgram, string>()
  for (const name of CONTROL_PLANE_PROGRAMS) {
    const file = await findProgram(name, searchFolders(deps))
    if (file !== undefined) found.set(name, file)
  }
  const missing = CONTROL_PLANE_PROGRAMS.filter((name) => !found.has(name))
  if (missing.includes('etcd')) throw missingEtcd()
  if (missing.length > 0) await buildControlPlane(deps, missing)
  const built = `${cacheFolder(deps.cacheRoot)}/`
  const pathOf = (name: ControlPlaneProgram) => found.get(name) ?? `${built}${name}`
  return {
    etcd: pathOf('etcd'),
    'kube-apiserver': pathOf('kube-apiserver'),
    'kube-controller-manager': pathOf('kube-controller-manager'),
    kubectl: pathOf('kubectl'),
  }
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
