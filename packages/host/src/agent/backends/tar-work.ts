// Places of the work with an OS tar on the persist partition: made before it, gone after it.
import type { SysRoot } from '@kubenest/base/sysroot'
import { OsError } from '@kubenest/base/errors'
import { removePath, stat } from '@kubenest/base/files'
import { freeBytes } from '../../linux/free-space.ts'
import type { ImageStream } from '../sources/image-source.ts'
import {
  hasWorkFolder,
  isFolder,
  makeWorkFolder,
  removeWorkFolderIfEmpty,
  SLOT_MOUNT,
  TAR_FILE,
  WORK_FOLDER,
} from '../sources/work-folder.ts'
import { unmountSlot, type MountDeps, type SlotMount } from './slot-mount.ts'

/** What the documented agent asks for beside the image, bytes. */
const SPARE_BYTES = 10 * 1024 * 1024

/** What the places need. */
export interface TarWorkDeps extends MountDeps {
  readonly sysroot: SysRoot
}

/** The places of the work, as real paths. */
export interface TarWork extends SlotMount {
  /** The image as a file: our copy of the download, or what the source has. */
  readonly tar: string
  readonly isOwnCopy: boolean
}

/** Makes the places; what an earlier run left there goes first. */
export async function openTarWork(
  deps: TarWorkDeps,
  image: ImageStream,
  device: string,
): Promise<TarWork> {
  const work: TarWork = {
    tar: image.file ?? deps.sysroot.path(TAR_FILE),
    isOwnCopy: image.file === undefined,
    mountPoint: deps.sysroot.path(SLOT_MOUNT),
    device,
    isFile: (await stat(device))?.kind === 'file',
  }
  await discardTarWork(deps, work.isOwnCopy)
  await makeWorkFolder(deps.sysroot)
  return work
}

/** Unmounts the slot, whatever an earlier run left, and removes what was ours in the folder. */
export async function discardTarWork(deps: TarWorkDeps, withCopy = true): Promise<void> {
  if (!(await hasWorkFolder(deps.sysroot))) return
  const mountPoint = deps.sysroot.path(SLOT_MOUNT)
  if (await isFolder(mountPoint)) {
    const mounted = await deps.exec.run({ argv: ['findmnt', '--mountpoint', mountPoint] })
    if (mounted.exitCode === 0) await unmountSlot(deps, mountPoint)
  }
  await removePath(mountPoint)
  if (withCopy) await removePath(deps.sysroot.path(TAR_FILE))
  await removeWorkFolderIfEmpty(deps.sysroot)
}

/** Told before a byte is stored: how much is needed, and how much there is. */
export async function assertRoomForTar(
  { sysroot }: TarWorkDeps,
  tarBytes: number | undefined,
): Promise<void> {
  const free = await freeBytes(sysroot.path(WORK_FOLDER))
  const needed = (tarBytes ?? 0) + SPARE_BYTES
  if (free >= needed) return
  throw new OsError('host', {
    code: 'disk-full',
    message: `Cannot store the image in ${WORK_FOLDER}: it needs ${needed} bytes and ${free} are free; free some on the persist partition, or use a raw image, which needs none`,
    fields: { needed, free },
  })
}
