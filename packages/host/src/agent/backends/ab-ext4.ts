// Two slots with an ext4 root each. Order of a raw image (reliability 4.2, decision 16): head
// blanked, content from 64 KiB on, flushed, read back past the cache, head with the slot's own
// label, read back, looked into. Anything wrong after that blanks the head again.
import type { Clock } from '@kubenest/base/clock'
import type { Exec } from '@kubenest/base/exec'
import { OsError } from '@kubenest/base/errors'
import { readText, resolveLinks } from '@kubenest/base/files'
import type { SysRoot } from '@kubenest/base/sysroot'
import type { RawFiles } from '../../linux/raw-file.ts'
import { createSha256 } from '../../linux/sha256.ts'
import type { SlotName } from '../update/journal-state.ts'
import { checkRoot, readVersion } from './check-root.ts'
import { ext4Label } from './ext4-superblock.ts'
import { openExt4 } from './ext4-reader.ts'
import { digestSlot } from './digest-slot.ts'
import { findSlots, type SlotPair } from './find-slots.ts'
import { decompress, observe, peekPayload } from './payload.ts'
import { HEAD_BYTES, openSlotDevice, type SlotDevice } from './slot-device.ts'
import { stageRaw } from './stage-raw.ts'
import { receiveTar } from './stage-tar.ts'
import { discardTarWork } from './tar-work.ts'
import type { ReceivedImage, StageRequest, UpdateBackend } from './update-backend.ts'
import type { ImageStream } from '../sources/image-source.ts'

export interface AbExt4Deps {
  readonly sysroot: SysRoot
  readonly clock: Clock
  readonly exec: Exec
  readonly rawFiles: RawFiles
  /** `x86_64` or `aarch64`. */
  readonly architecture: string
}

/** The back-end of the documented partition layout. */
export function createAbExt4Backend(deps: AbExt4Deps): UpdateBackend {
  return {
    findSlots: () => findSlots(deps.sysroot),
    blank: (slots, target) => blank(deps, slots, target),
    receive: (image, request) => receive(deps, image, request),
    discardReceived: () => discardTarWork(deps),
    discard: async (slots, target) => {
      await discardTarWork(deps)
      await blank(deps, slots, target)
    },
    digestOf: (slots, slot, { sizeBytes, rest }) =>
      digestSlot(deps.rawFiles, slots.devices[slot], sizeBytes, rest),
    check: (slots, target, record) => check(deps, slots, target, record),
    versionOf: (slots, slot) => versionOf(deps, slots, slot),
  }
}

function blank(deps: AbExt4Deps, slots: SlotPair, target: SlotName): Promise<void> {
  return withSlot(deps, slots, target, async (device) => {
    await assertOurLabel(device, slots.devices[target])
    await device.blankHead()
  })
}

/** A tar is taken in whole and compared with its digest; of a raw image only the kind is known. */
async function receive(
  deps: AbExt4Deps,
  image: ImageStream,
  request: StageRequest,
): Promise<ReceivedImage> {
  const wire = createSha256()
  const total = image.sizeBytes === undefined ? {} : { bytesTotal: image.sizeBytes }
  // While nothing goes to the slot yet, nobody shall be told so (I22).
  let phase: 'Fetching' | 'Writing' = 'Fetching'
  const onBytes = (bytesDone: number) => request.onProgress({ phase, bytesDone, ...total })
  const peeked = await peekPayload(observe(image.bytes, wire, onBytes, request.signal))
  if (peeked.kind === 'tar')
    return receiveTar(deps, { ...image, bytes: peeked.bytes }, wire, request)
  if (peeked.kind === 'unknown')
    throw new OsError('integrity', {
      code: 'image-format-unknown',
      message:
        'Cannot use the image: it is neither a tar nor an ext4 image, raw or with zstd; use an artefact of kbimg',
    })
  const content = peeked.kind === 'zstd' ? decompress(peeked.bytes) : peeked.bytes
  const how = { ...request, architecture: deps.architecture }
  return {
    fill: () => {
      phase = 'Writing'
      return withSlot(deps, request.slots, request.target, (device) =>
        stageRaw(device, content, wire, how),
      )
    },
    discard: async () => {},
  }
}

async function check(
  deps: AbExt4Deps,
  slots: SlotPair,
  target: SlotName,
  record: { readonly digest: string; readonly sizeBytes: number } | undefined,
) {
  if (record === undefined) await checkFileSystem(deps, slots.devices[target])
  const look = async (device: SlotDevice) => {
    if (record !== undefined) await compareDigest(device, record)
    const root = await openExt4(device.readAt)
    return checkRoot(root, { architecture: deps.architecture })
  }
  return withSlot(deps, slots, target, look, 'read')
}

async function checkFileSystem(deps: AbExt4Deps, device: string): Promise<void> {
  const result = await deps.exec.run({ argv: ['e2fsck', '-fn', device] })
  if (result.exitCode === 0) return
  const output = `${result.stdout}${result.stderr}`.trim().slice(-500)
  throw new OsError('integrity', {
    code: 'slot-file-system-damaged',
    message: `Cannot use the slot ${device}: it has no recorded digest and e2fsck finds damage; upgrade to that image instead: ${output}`,
  })
}

async function compareDigest(
  device: SlotDevice,
  record: { readonly digest: string; readonly sizeBytes: number },
): Promise<void> {
  const digest = createSha256()
  await device.readBack(0, record.sizeBytes, digest.update)
  const found = digest.digest()
  if (found !== record.digest)
    throw new OsError('integrity', {
      code: 'slot-digest-mismatch',
      message: `Cannot use the slot ${device.path}: its content has the digest ${found} and was written with ${record.digest}; upgrade to that image again`,
    })
}

async function versionOf(
  deps: AbExt4Deps,
  slots: SlotPair,
  slot: SlotName,
): Promise<string | undefined> {
  const file = await deps.rawFiles.open(slots.devices[slot], { access: 'read' })
  try {
    const root = await openExt4(async (position, length) => {
      const buffer = new Uint8Array(length)
      return buffer.subarray(0, await file.read(buffer, position))
    })
    return await readVersion(root)
  } catch (error) {
    // An empty or half-written slot has no version; that is an answer, not a failure.
    if (error instanceof OsError && error.kind === 'integrity') return undefined
    throw error
  } finally {
    await file.close()
  }
}

async function withSlot<T>(
  deps: AbExt4Deps,
  slots: SlotPair,
  target: SlotName,
  task: (device: SlotDevice) => Promise<T>,
  access: 'read' | 'write' = 'write',
): Promise<T> {
  const path = slots.devices[target]
  await assertStandby(deps.sysroot, slots, target)
  const device = await openSlotDevice(deps.rawFiles, path, slots.sizesBytes[target], access)
  try {
    return await task(device)
  } finally {
    await device.close()
  }
}

/** Never the slot that runs, and nothing that is mounted (I4). */
async function assertStandby(sysroot: SysRoot, slots: SlotPair, target: SlotName): Promise<void> {
  const path = slots.devices[target]
  const mounts = (await readText(sysroot.path('/proc/mounts'))) ?? ''
  for (const line of mounts.split('\n')) {
    const [source = '', point = ''] = line.split(' ')
    if (!source.startsWith('/')) continue
    if ((await resolveLinks(sysroot.path(source))) === path)
      throw inUse(path, `mounted at ${point}`)
  }
  if (slots.booted === target) throw inUse(path, 'the running root')
}

/**
 * The documented layout labels its slots; anything else behind the partition number is somebody's
 * data.
 */
async function assertOurLabel(device: SlotDevice, path: string): Promise<void> {
  const label = ext4Label(await device.readAt(0, HEAD_BYTES))
  if (label === undefined || label === '' || label === 'ROOT-A' || label === 'ROOT-B') return
  throw new OsError('host', {
    code: 'slot-foreign',
    message: `Cannot write ${path}: its file system is labelled ${JSON.stringify(label)}, not ROOT-A or ROOT-B; check the partition layout`,
  })
}

function inUse(path: string, how: string): OsError {
  return new OsError('blocked', {
    code: 'slot-in-use',
    message: `Cannot use ${path} as the standby slot: it is ${how}; unmount it and repeat`,
  })
}
