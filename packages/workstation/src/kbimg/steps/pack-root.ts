// The root as artefacts: kubeos.tar as documented, the raw root image that slots are written from,
// and its compressed form.
import { OsError } from '@kubenest/base/errors'
import { type Build, run } from '../build.ts'
import { makeExt4 } from './make-ext4.ts'

/** tar options that make the same folder the same bytes. */
export const STABLE_TAR = ['--sort=name', '--numeric-owner', '--format=posix', '--xattrs'] as const
const PAX = '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime'

export async function packTar(build: Build): Promise<void> {
  await run(
    build,
    'pack kubeos.tar',
    build.tools.asRoot([
      'tar',
      '--create',
      '--file',
      `${build.work}/kubeos.tar`,
      ...STABLE_TAR,
      PAX,
      '--directory',
      build.root,
      '.',
    ]),
  )
  build.artefacts.push({ file: 'kubeos.tar', kind: 'tar' })
}

export async function makeRootImage(build: Build): Promise<void> {
  const file = `${build.work}/root.img`
  const sizeMib = build.config.disk.rootMib
  await fillRootImage(build, file, sizeMib)
  await run(build, 'check root.img', ['e2fsck', '-fn', file])
  await run(build, 'compress root.img', ['zstd', '-q', '-T2', '-6', '-k', '-f', file])
  build.artefacts.push({ file: 'root.img', kind: 'raw' }, { file: 'root.img.zst', kind: 'raw.zst' })
}

async function fillRootImage(build: Build, file: string, sizeMib: number): Promise<void> {
  try {
    await makeExt4(build, { file, sizeMib, uuid: build.ids.fileSystem, folder: build.root })
  } catch (cause) {
    if (
      !(cause instanceof OsError) ||
      !/Could not allocate|No space|out of space/i.test(cause.message)
    )
      throw cause
    throw new OsError('invalid', {
      code: 'config-root-too-small',
      message: `Cannot make root.img: the packages do not fit into ${sizeMib} MiB; raise disk_partition.root or remove packages`,
      cause,
    })
  }
}
