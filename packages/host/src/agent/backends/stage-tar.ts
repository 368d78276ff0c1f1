// An OS tar straight into the standby slot, without an image in between (reliability 4.2,
// "direct"). Spooled and inspected first; unpacked only when its digest is right; the kernel gets
// its name as the very last change, because GRUB cannot boot a slot without it.
import { runOrThrow } from '@kubenest/base/exec'
import { OsError } from '@kubenest/base/errors'
import { ensureDirectory, renameNew, stat } from '@kubenest/base/files'
import type { ImageStream } from '../sources/image-source.ts'
import type { RawFiles } from '../../linux/raw-file.ts'
import { createSha256, type Sha256 } from '../../linux/sha256.ts'
import { checkRoot } from './check-root.ts'
import { KERNEL_WAITING } from './check-tar-entry.ts'
import { openExt4 } from './ext4-reader.ts'
import { createTarInspector } from './inspect-tar.ts'
import { flushDevice, flushSlot, mountSlot, SLOT_REMEDY, unmountSlot } from './slot-mount.ts'
import { openSlotDevice, type SlotDevice } from './slot-device.ts'
import { assertImageDigest } from './stage-raw.ts'
import {
  assertRoomForTar,
  discardTarWork,
  openTarWork,
  type TarWork,
  type TarWorkDeps,
} from './tar-work.ts'
import type { ReceivedImage, StagedSlot, StageRequest } from './update-backend.ts'

export interface StageTarDeps extends TarWorkDeps {
  readonly rawFiles: RawFiles
  readonly architecture: string
}

/**
 * Spools and checks: until the tar is here and is the right one, what the slot holds stays, as a
 * way back. Leaves nothing behind when it throws.
 */
export async function receiveTar(
  deps: StageTarDeps,
  image: ImageStream,
  wire: Sha256,
  request: StageRequest,
): Promise<ReceivedImage> {
  const work = await openTarWork(deps, image, request.slots.devices[request.target])
  const discard = () => discardTarWork(deps, work.isOwnCopy)
  try {
    if (work.isOwnCopy) await assertRoomForTar(deps, image.sizeBytes)
    const skipped = await spool(deps, work, image.bytes, request)
    assertImageDigest(wire.digest(), request.imageDigest)
    return { fill: () => stageTar(deps, work, skipped, request), discard }
  } catch (error) {
    await discardAfterFailure(discard)
    throw error
  }
}

async function discardAfterFailure(discard: () => Promise<void>): Promise<void> {
  try {
    await discard()
  } catch {
    // What went wrong first is to be told: a disk that fails lets nothing be removed either. The
    // next preparation, or start, begins with the same clean-up.
  }
}

/**
 * Formats, unpacks, compares. Leaves nothing behind but the slot, and that blank on failure.
 */
async function stageTar(
  deps: StageTarDeps,
  work: TarWork,
  skipped: readonly string[],
  request: StageRequest,
): Promise<StagedSlot> {
  try {
    await ensureDirectory(work.mountPoint, 0o700)
    const bytesTotal = request.slots.sizesBytes[request.target]
    request.onProgress({ phase: 'Writing', bytesDone: 0, bytesTotal })
    await fill(deps, work, skipped, request)
    request.onProgress({ phase: 'Verifying', bytesDone: 0, bytesTotal })
    await compare(deps, work, skipped)
    const staged = await inspect(deps, request)
    await discardTarWork(deps, work.isOwnCopy)
    return staged
  } catch (error) {
    await giveUp(deps, work, request)
    throw error
  }
}

async function giveUp(deps: StageTarDeps, work: TarWork, request: StageRequest): Promise<void> {
  try {
    await discardTarWork(deps, work.isOwnCopy)
    await withDevice(deps, request, (device) => device.blankHead())
  } catch {
    // What went wrong first is to be told. The engine repeats this, and tells when it fails again.
  }
}

async function spool(
  deps: StageTarDeps,
  work: TarWork,
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
  work: TarWork,
  skipped: readonly string[],
  request: StageRequest,
): Promise<void> {
  const label = `ROOT-${request.target}`
  const argv = ['mkfs.ext4', '-F', '-q', '-L', label, work.device] as const
  await runOrThrow(deps.exec, `format the slot ${work.device}`, { argv: [...argv] }, SLOT_REMEDY)
  await mountSlot(deps, work, 'nodev,nosuid')
  await unpack(deps, work, skipped, request)
  await flushSlot(deps, work)
  if ((await stat(`${work.mountPoint}/${KERNEL_WAITING}`)) === undefined) throw noKernel()
  await nameKernel(deps, work)
  await flushSlot(deps, work)
  await unmountSlot(deps, work.mountPoint)
  await flushDevice(deps, work.device)
}

/** The kernel's name, last; the folder keeps the time that the image gave it. */
async function nameKernel({ exec }: StageTarDeps, { mountPoint }: TarWork): Promise<void> {
  const folder = `${mountPoint}/boot`
  const purpose = 'keep the time of /boot'
  const ask = ['stat', '--format=%y', folder] as const
  const time = await runOrThrow(exec, purpose, { argv: [...ask] }, SLOT_REMEDY)
  await renameNew(`${mountPoint}/${KERNEL_WAITING}`, `${folder}/vmlinuz`)
  const argv = ['touch', `--date=${time}`, folder] as const
  await runOrThrow(exec, purpose, { argv: [...argv] }, SLOT_REMEDY)
}

async function unpack(
  deps: StageTarDeps,
  work: TarWork,
  skipped: readonly string[],
  request: StageRequest,
): Promise<void> {
  const result = await deps.exec.run({
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
    signal: request.signal,
  })
  if (result.exitCode !== 0) throw notUnpacked(result.stderr, request)
}

function exclude(names: readonly string[]): string[] {
  return ['--anchored', '--no-wildcards', ...names.map((name) => `--exclude=${name}`)]
}

/**
 * Everything in the tar is in the slot as it is in the tar, read through a fresh read-only mount.
 */
async function compare(
  deps: StageTarDeps,
  work: TarWork,
  skipped: readonly string[],
): Promise<void> {
  const argv = ['e2fsck', '-fn', work.device] as const
  const purpose = `check the file system of the slot ${work.device}`
  await runOrThrow(deps.exec, purpose, { argv: [...argv] }, SLOT_REMEDY)
  await mountSlot(deps, work, 'ro,noload,nodev,nosuid')
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
  await unmountSlot(deps, work.mountPoint)
  if (result.exitCode === 0) return
  throw new OsError('host', {
    code: 'slot-not-written',
    message: `Cannot trust the slot ${work.device}: its files differ from the image: ${result.stdout.slice(0, 500)}; check the disk`,
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

/** The sum of the contents fits, which is known before; the file system itself needs room, too. */
function notUnpacked(output: string, { slots, target }: StageRequest): OsError {
  const sizeBytes = slots.sizesBytes[target]
  if (/no space left on device/i.test(output))
    return new OsError('invalid', {
      code: 'image-too-large',
      message: `Cannot use the image: its files do not fit into slot ${target} (${slots.devices[target]}, ${sizeBytes} bytes); build it with a smaller root, or fewer files`,
      fields: { sizeBytes },
    })
  return new OsError('host', {
    code: 'command-failed',
    message: `Cannot unpack the image into slot ${target}: ${output.trim().slice(-500) || 'tar says nothing'}; see the kernel's messages about ${slots.devices[target]}`,
  })
}

function noKernel(): OsError {
  return new OsError('integrity', {
    code: 'image-not-bootable',
    message: 'Cannot use the image: it has no /boot/vmlinuz; rebuild it with kbimg',
  })
}
