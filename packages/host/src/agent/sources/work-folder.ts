// The documented work folder on the persist partition (contract 4.4). Sources and back-ends keep
// different names in it, and the folder goes with its last name.
import { OsError } from '@kubenest/base/errors'
import { ensureDirectory, listDirectory, removePath, stat } from '@kubenest/base/files'
import type { SysRoot } from '@kubenest/base/sysroot'

const PARENT = '/persist'
export const WORK_FOLDER = `${PARENT}/KubeOS-Update`
/** The image, copied or downloaded. */
export const TAR_FILE = `${WORK_FOLDER}/os.tar`
/** Where a container image is mounted. */
export const IMAGE_MOUNT = `${WORK_FOLDER}/kubeos-update`
/** Says that a container of ours may exist: only its engine can remove it. */
export const CONTAINER_MARK = `${WORK_FOLDER}/kubeos-temp`
/** Where the slot is mounted: beside the container image, which may be mounted at the same time. */
export const SLOT_MOUNT = `${WORK_FOLDER}/slot`

/**
 * Whether our folder is there. What is at its place and no folder is removed, never followed: below
 * a link we would unmount and remove what is somebody else's.
 */
export async function hasWorkFolder(sysroot: SysRoot): Promise<boolean> {
  return await isFolder(sysroot.path(WORK_FOLDER))
}

/** The same for a mount point of ours. */
export async function isFolder(place: string): Promise<boolean> {
  const info = await stat(place)
  if (info === undefined) return false
  if (info.kind !== 'directory') await removePath(place)
  return info.kind === 'directory'
}

/** Makes the folder for us alone; throws code `work-folder-foreign` when others can reach it. */
export async function makeWorkFolder(sysroot: SysRoot): Promise<void> {
  const folder = sysroot.path(WORK_FOLDER)
  if (!(await hasWorkFolder(sysroot))) await ensureDirectory(folder, 0o700)
  const [info, parent] = await Promise.all([stat(folder), stat(sysroot.path(PARENT))])
  const isOurs = info?.kind === 'directory' && info.uid === parent?.uid
  if (isOurs && (info.mode & 0o077) === 0) return
  throw new OsError('host', {
    code: 'work-folder-foreign',
    message: `Cannot use ${WORK_FOLDER}: others may write or read in it; look who made it, remove it, and repeat`,
  })
}

/** Removes the work folder when nothing is in it. */
export async function removeWorkFolderIfEmpty(sysroot: SysRoot): Promise<void> {
  const folder = sysroot.path(WORK_FOLDER)
  if ((await listDirectory(folder)).length === 0) await removePath(folder)
}
