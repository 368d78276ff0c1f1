// An OS tar straight into the standby slot, without an image in between (reliability 4.2,
// "direct"). Spooled and inspected first; unpacked only when its digest is right; the kernel gets
// its name as the very last change, because GRUB cannot boot a slot without it.
import type { Clock } from '@kubenest/base/clock'
import { runOrThrow, type Exec } from '@kubenest/base/exec'
import { OsError } from '@kubenest/base/errors'
import { ensureDirectory, removePath, renameNew, stat } from '@kubenest/base/files'
import type { SysRoot } from '@kubenest/base/sysroot'
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
import { freeBytes } from '../../linux/free-space.ts'
import type { RawFiles } from '../../linux/raw-file.ts'
import { createSha256, type Sha256 } from '../../linux/sha256.ts'
import { checkRoot } from './check-root.ts'
import { KERNEL_WAITING } from './check-tar-entry.ts'
import { openExt4 } from './ext4-reader.ts'
import { createTarInspector } from './inspect-tar.ts'
import { openSlotDevice, type SlotDevice } from './slot-device.ts'
import { assertImageDigest } from './stage-raw.ts'
import type { StagedSlot, StageRequest } from './update-backend.ts'

/** What the documented agent asks for beside the image, bytes. */
const SPARE_BYTES = 10 * 1024 * 1024
const BUSY_TRIES = 20
const BUSY_PAUSE_MS = 500

export interface StageTarDeps {
  readonly sysroot: SysRoot
  readonly clock: Clock
  readonly exec: Exec
  readonly rawFiles: RawFiles
  readonly architecture: string
}

/** The places of the work, as real paths. */
interface Work {
  /** The image as a file: our copy of the download, or what the source has. */
  readonly tar: string
  readonly isOwnCopy: boolean
  readonly mountPoint: string
  readonly device: string
  readonly isFile: boolean
}

/**
 * Spools, checks, formats, unpacks, compares. Leaves nothing behind but the slot, and that blank on
 * failure.
 */
export async function stageTar(
  deps: StageTarDeps,
  image: ImageStream,
  wire: Sha256,
  request: StageRequest,
): Promise<StagedSlot> {
  const work = await openWork(deps, image, request)
  let isComplete = false
  try {
    if (work.isOwnCopy) await assertRoom(deps, image.sizeBytes)
    const skipped = await spool(deps, work, image.bytes, request)
    assertImageDigest(wire.digest(), request.imageDigest)
    const members = request.slots.sizesBytes[request.target]
    request.onProgress({ phase: 'Verifying', bytesDone: 0, bytesTotal: members })
    await fill(deps, work, skipped, request)
    await compare(deps, work, skipped)
    const staged = await inspect(deps, request)
    isComplete = true
    return staged
  } finally {
    await discardTarWork(deps, work.isOwnCopy)
    if (!isComplete) await withDevice(deps, request, (device) => device.blankHead())
  }
}

async function openWork(
  deps: StageTarDeps,
  image: ImageStream,
  request: StageRequest,
): Promise<Work> {
  const device = request.slots.devices[request.target]
  const work: Work = {
    tar: image.file ?? deps.sysroot.path(TAR_FILE),
    isOwnCopy: image.file === undefined,
    mountPoint: deps.sysroot.path(SLOT_MOUNT),
    device,
    isFile: (await stat(device))?.kind === 'file',
  }
  await discardTarWork(deps, work.isOwnCopy)
  await makeWorkFolder(deps.sysroot)
  await ensureDirectory(work.mountPoint, 0o700)
  return work
}

/** Unmounts the slot, whatever an earlier run left, and removes what was ours in the folder. */
export async function discardTarWork(
  deps: Pick<StageTarDeps, 'sysroot' | 'exec' | 'clock'>,
  withCopy = true,
): Promise<void> {
  if (!(await hasWorkFolder(deps.sysroot))) return
  const mountPoint = deps.sysroot.path(SLOT_MOUNT)
  if (await isFolder(mountPoint)) {
    const mounted = await deps.exec.run({ argv: ['findmnt', '--mountpoint', mountPoint] })
    if (mounted.exitCode === 0) await unmount(deps, { mountPoint })
  }
  await removePath(mountPoint)
  if (withCopy) await removePath(deps.sysroot.path(TAR_FILE))
  await removeWorkFolderIfEmpty(deps.sysroot)
}

/** Told before a byte is stored: how much is needed, and how much there is. */
async function assertRoom(deps: StageTarDeps, tarBytes: number | undefined): Promise<void> {
  const free = await freeBytes(deps.sysroot.path(WORK_FOLDER))
  const needed = (tarBytes ?? 0) + SPARE_BYTES
  if (free >= needed) return
  throw new OsError('host', {
    code: 'disk-full',
    message: `Cannot store the image in ${WORK_FOLDER}: it needs ${needed} bytes and ${free} are free; free some on the persist partition, or use a raw image, which needs none`,
    fields: { needed, free },
  })
}

async function spool(
  deps: StageTarDeps,
  work: Work,
  bytes: AsyncIterable<Uint8Array>,
  request: StageRequest,
): Promise<readonly string[]> {
  const inspector = createTarInspector(request.slots.sizesBytes[request.target])
  const copy = work.isOwnCopy
    ? await deps.rawFiles.open(work.tar, { access: 'write', create: true })
    : undefined
  try {
    let position = 0
    for await (const chunk of bytes) {
      inspector.take(chunk)
      await copy?.write(chunk, position)
      position += chunk.length
    }
    return inspector.finish().skipped
  } finally {
    await copy?.close()
  }
}

async function fill(
  deps: StageTarDeps,
  work: Work,
  skipped: readonly string[],
  request: StageRequest,
): Promise<void> {
  const label = `ROOT-${request.target}`
  await runOrThrow(deps.exec, 'format the slot', {
    argv: ['mkfs.ext4', '-F', '-q', '-L', label, work.device],
  })
  await mount(deps, work, 'nodev,nosuid')
  await unpack(deps, work, skipped, request.signal)
  await flush(deps, work)
  if ((await stat(`${work.mountPoint}/${KERNEL_WAITING}`)) === undefined) throw noKernel()
  await nameKernel(deps, work)
  await flush(deps, work)
  await unmount(deps, work)
}

/** The kernel's name, last; the folder keeps the time that the image gave it. */
async function nameKernel({ exec }: StageTarDeps, { mountPoint }: Work): Promise<void> {
  const folder = `${mountPoint}/boot`
  const purpose = 'keep the time of /boot'
  const time = await runOrThrow(exec, purpose, { argv: ['stat', '--format=%y', folder] })
  await renameNew(`${mountPoint}/${KERNEL_WAITING}`, `${folder}/vmlinuz`)
  await runOrThrow(exec, purpose, { argv: ['touch', `--date=${time}`, folder] })
}

async function unpack(
  deps: StageTarDeps,
  work: Work,
  skipped: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await runOrThrow(deps.exec, 'unpack the image', {
    argv: [
      'tar',
      '--extract',
      '--numeric-owner',
      '--same-permissions',
      '--same-owner',
      '--xattrs',
      '--xattrs-include=*',
      '--acls',
      '--selinux',
      // Names of members and targets of hard links to the kernel, not those of symbolic links. With
      // the same beginning, else tar takes /boot for finished and its time for set.
      `--transform=s,^\\(\\./\\)\\?boot/vmlinuz$,\\1${KERNEL_WAITING},rSh`,
      ...exclude(skipped),
      `--file=${work.tar}`,
      `--directory=${work.mountPoint}`,
    ],
    timeoutMs: 3_600_000,
    signal,
  })
}

function exclude(names: readonly string[]): string[] {
  return ['--anchored', '--no-wildcards', ...names.map((name) => `--exclude=${name}`)]
}

/**
 * Everything in the tar is in the slot as it is in the tar, read through a fresh read-only mount.
 */
async function compare(deps: StageTarDeps, work: Work, skipped: readonly string[]): Promise<void> {
  await runOrThrow(deps.exec, 'check the file system of the slot', {
    argv: ['e2fsck', '-fn', work.device],
  })
  await mount(deps, work, 'ro,noload,nodev,nosuid')
  const result = await deps.exec.run({
    argv: [
      'tar',
      '--compare',
      '--numeric-owner',
      ...exclude(skipped),
      `--file=${work.tar}`,
      `--directory=${work.mountPoint}`,
    ],
    timeoutMs: 3_600_000,
  })
  await unmount(deps, work)
  if (result.exitCode === 0) return
  throw new OsError('host', {
    code: 'slot-not-written',
    message: `Cannot trust the slot: its files differ from the image: ${result.stdout.slice(0, 500)}; check the disk`,
  })
}

async function inspect(deps: StageTarDeps, request: StageRequest): Promise<StagedSlot> {
  const sizeBytes = request.slots.sizesBytes[request.target]
  return withDevice(deps, request, async (device) => {
    const expected = { version: request.version, architecture: deps.architecture }
    const facts = await checkRoot(await openExt4(device.readAt), expected)
    const digest = createSha256()
    await device.readBack(0, sizeBytes, digest.update)
    return {
      version: request.version,
      contract: facts.contract,
      digest: digest.digest(),
      sizeBytes,
    }
  })
}

async function withDevice<T>(
  deps: StageTarDeps,
  request: StageRequest,
  task: (device: SlotDevice) => Promise<T>,
): Promise<T> {
  const capacityBytes = request.slots.sizesBytes[request.target]
  const path = request.slots.devices[request.target]
  const device = await openSlotDevice(deps.rawFiles, path, capacityBytes)
  try {
    return await task(device)
  } finally {
    await device.close()
  }
}

async function mount(deps: StageTarDeps, work: Work, options: string): Promise<void> {
  const all = work.isFile ? `${options},loop` : options
  await runWhenFree(deps, 'mount the slot', [
    'mount',
    '-t',
    'ext4',
    '-o',
    all,
    work.device,
    work.mountPoint,
  ])
}

async function unmount(
  deps: Pick<StageTarDeps, 'exec' | 'clock'>,
  work: Pick<Work, 'mountPoint'>,
): Promise<void> {
  await runWhenFree(deps, 'unmount the slot', ['umount', work.mountPoint])
}

/**
 * A program that was killed with its agent may hold a mount for a moment longer, and so may whoever
 * looks at every new device.
 */
async function runWhenFree(
  deps: Pick<StageTarDeps, 'exec' | 'clock'>,
  purpose: string,
  argv: readonly [string, ...string[]],
): Promise<void> {
  for (let tries = 1; tries < BUSY_TRIES; tries += 1) {
    const { exitCode, stderr } = await deps.exec.run({ argv })
    if (exitCode === 0) return
    if (!stderr.includes('busy')) break
    await deps.clock.sleep(BUSY_PAUSE_MS)
  }
  await runOrThrow(deps.exec, purpose, { argv })
}

async function flush(deps: StageTarDeps, work: Work): Promise<void> {
  await runOrThrow(deps.exec, 'flush the slot', {
    argv: ['sync', '--file-system', work.mountPoint],
  })
}

function noKernel(): OsError {
  return new OsError('integrity', {
    code: 'image-not-bootable',
    message: 'Cannot use the image: it has no /boot/vmlinuz; rebuild it with kbimg',
  })
}
