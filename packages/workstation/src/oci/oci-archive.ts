// A layout folder as one tar: what `skopeo`, `ctr images import` and `podman load` read.
import { type Exec, runOrThrow } from '@kubenest/base/exec'
import type { Argv } from '../kbimg/namespaces.ts'

/** Owner (user and group) and mode of everything in an archive. */
export interface TarOwner {
  readonly user: number
  readonly mode: string
}

const ROOT_OWNED: TarOwner = { user: 0, mode: 'u=rwX,go=rX' }

/** Argument list of tar for an archive that is the same bytes for the same files. */
export function stableTarArgv(
  file: string,
  folder: string,
  epochSeconds: number,
  owner: TarOwner = ROOT_OWNED,
): Argv {
  return [
    'tar',
    '--create',
    '--file',
    file,
    '--sort=name',
    '--format=ustar',
    '--numeric-owner',
    `--owner=${owner.user}`,
    `--group=${owner.user}`,
    `--mode=${owner.mode}`,
    `--mtime=@${epochSeconds}`,
    '--directory',
    folder,
  ]
}

/** Packs a layout folder. */
export async function packOciArchive(
  exec: Exec,
  folder: string,
  file: string,
  epochSeconds: number,
): Promise<void> {
  const argv = [...stableTarArgv(file, folder, epochSeconds), 'blobs', 'index.json', 'oci-layout']
  await runOrThrow(exec, `pack ${file}`, { argv: ['nice', ...argv] })
}
