// Content of a raw ext4 image into a blanked slot. The first 64 KiB come last, with the slot's own
// label, after everything else was read back and the digest of the wire was right (I5, I24).
import { OsError } from '@kubenest/base/errors'
import { createSha256, type Sha256 } from '../../linux/sha256.ts'
import { checkRoot } from './check-root.ts'
import { openExt4 } from './ext4-reader.ts'
import { isExt4, setExt4Label } from './ext4-superblock.ts'
import { HEAD_BYTES, type SlotDevice } from './slot-device.ts'
import type { SlotName } from '../update/journal-state.ts'
import type { StagedSlot, StageRequest } from './update-backend.ts'

/** Writes, reads back and looks into; blanks the head again when the look finds something wrong. */
export async function stageRaw(
  device: SlotDevice,
  content: AsyncIterable<Uint8Array>,
  wire: Sha256,
  request: StageRequest & { readonly architecture: string },
): Promise<StagedSlot> {
  const given = createSlotDigest(request.target)
  await copy(device, content, given.update)
  const { head, sizeBytes } = await device.finish()
  assertImageDigest(wire.digest(), request.imageDigest)
  if (sizeBytes < HEAD_BYTES || !isExt4(head)) throw truncated(sizeBytes)
  request.onProgress({ phase: 'Verifying', bytesDone: 0, bytesTotal: sizeBytes })
  setExt4Label(head, `ROOT-${request.target}`)
  const digest = await readBackRest(device, given.digest(), head, sizeBytes)
  try {
    await device.writeHead(head)
    await readBackHead(device, head)
    const facts = await checkRoot(await openExt4(device.readAt), request)
    return { version: request.version, contract: facts.contract, digest, sizeBytes }
  } catch (error) {
    await device.blankHead()
    throw error
  }
}

async function copy(
  device: SlotDevice,
  content: AsyncIterable<Uint8Array>,
  onWritten: (bytes: Uint8Array) => void,
): Promise<void> {
  for await (const chunk of content) {
    await device.append(chunk)
    onWritten(chunk)
  }
}

/**
 * Digest of the slot as it will be, label included, while its bytes come in: one pass here and one
 * when they are read back are all that an emulated or small processor has to pay.
 */
function createSlotDigest(target: SlotName): Sha256 {
  const whole = createSha256()
  const head = new Uint8Array(HEAD_BYTES)
  let keptBytes = 0
  return {
    update(bytes) {
      const length = Math.min(bytes.length, HEAD_BYTES - keptBytes)
      if (length > 0) {
        head.set(bytes.subarray(0, length), keptBytes)
        keptBytes += length
        if (keptBytes < HEAD_BYTES) return
        // What is no file system is refused once the digest of the wire was looked at.
        if (isExt4(head)) setExt4Label(head, `ROOT-${target}`)
        whole.update(head)
      }
      if (length < bytes.length) whole.update(bytes.subarray(length))
    },
    digest: () => whole.digest(),
  }
}

/** Compares what the medium holds behind the head with what was given to write. */
async function readBackRest(
  device: SlotDevice,
  expected: string,
  head: Uint8Array,
  sizeBytes: number,
): Promise<string> {
  const found = createSha256()
  found.update(head)
  await device.readBack(HEAD_BYTES, sizeBytes, found.update)
  const digest = found.digest()
  if (digest !== expected) throw notWritten(device)
  return digest
}

async function readBackHead(device: SlotDevice, head: Uint8Array): Promise<void> {
  let isSame = true
  await device.readBack(0, HEAD_BYTES, (bytes) => {
    isSame &&= bytes.every((byte, at) => byte === head[at])
  })
  if (!isSame) throw notWritten(device)
}

/**
 * Refuses an image whose bytes on the wire are not those that were promised; `undefined` when the
 * source has compared already.
 */
export function assertImageDigest(found: string, expected: string | undefined): void {
  if (expected === undefined || found === expected) return
  throw new OsError('integrity', {
    code: 'image-digest-mismatch',
    message: `Cannot use the image: its SHA-256 is ${found} and checksum is ${expected}; correct checksum or publish the image again`,
    fields: { found, expected },
  })
}

function truncated(sizeBytes: number): OsError {
  return new OsError('integrity', {
    code: 'image-damaged',
    message: `Cannot use the image: ${sizeBytes} bytes are not a complete ext4 image`,
  })
}

function notWritten({ path }: SlotDevice): OsError {
  return new OsError('host', {
    code: 'slot-not-written',
    message: `Cannot trust the slot ${path}: what was read back differs from what was written; check the disk`,
  })
}
