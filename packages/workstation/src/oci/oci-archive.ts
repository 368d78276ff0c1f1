// A layout folder as one tar: what `skopeo`, `ctr images import` and `podman load` read.
import { type Exec, runOrThrow } from '@kubenest/base/exec'
import type { Argv } from '../kbimg/namespaces.ts'

/** Argument list of tar for a byte-stable archive of files without owners. */
export function stableTarArgv(file: string, folder: string, epochSeconds: number): Argv {
  return [
    'tar',
    '--create',
    '--file',
    file,
    '--sort=name',
    '--format=ustar',
    '--numeric-owner',
    '--owner=0',
    '--group=0',
    '--mode=u=rwX,go=rX',
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
