// The documented work folder on the persist partition (contract 4.4). Sources and back-ends keep
// different names in it, and the folder goes with its last name.
import { listDirectory, removePath } from '@kubenest/base/files'
import type { SysRoot } from '@kubenest/base/sysroot'

export const WORK_FOLDER = '/persist/KubeOS-Update'
/** The image, copied or downloaded. */
export const TAR_FILE = `${WORK_FOLDER}/os.tar`
/** Where a container image is mounted. */
export const IMAGE_MOUNT = `${WORK_FOLDER}/kubeos-update`
/** Where the slot is mounted: beside the container image, which may be mounted at the same time. */
export const SLOT_MOUNT = `${WORK_FOLDER}/slot`

/** Removes the work folder when nothing is in it. */
export async function removeWorkFolderIfEmpty(sysroot: SysRoot): Promise<void> {
  const folder = sysroot.path(WORK_FOLDER)
  if ((await listDirectory(folder)).length === 0) await removePath(folder)
}
