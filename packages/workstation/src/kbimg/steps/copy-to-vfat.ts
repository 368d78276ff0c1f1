// A folder onto a FAT file system: names in sorted order, one time for all, so that the same
// content gives the same bytes.
import { OsError } from '@kubenest/base/errors'
import { type Build, run } from '../build.ts'
import { listTree } from '../list-tree.ts'

/** Copies the content of a folder into the root of the image. */
export async function copyToVfat(build: Build, image: string, folder: string): Promise<void> {
  for (const { path, kind } of await listTree(folder)) {
    if (kind === 'directory') await runMtools(build, path, ['mmd', '-i', image, `::${path}`])
    else if (kind === 'file')
      await runMtools(build, path, ['mcopy', '-i', image, `${folder}/${path}`, `::${path}`])
    else throw notOnFat(path)
  }
}

async function runMtools(build: Build, path: string, argv: readonly string[]): Promise<void> {
  // The check wants a disk geometry; the image has none.
  await run(build, `put ${path} on the boot partition`, argv, {
    env: { MTOOLS_SKIP_CHECK: '1' },
  })
}

function notOnFat(path: string): OsError {
  return new OsError('invalid', {
    code: 'config-boot-file',
    message: `Cannot put /boot/efi/${path} on the boot partition: FAT holds files and folders only; copy the file itself there`,
  })
}
