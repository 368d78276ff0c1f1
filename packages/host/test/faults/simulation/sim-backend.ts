// Stands in for backends/ab-ext4.ts: slots of four sectors, with the order of the real one (head
// blanked, content, flush, read back, head last). That order itself is proved by R-01.
import { OsError } from '@kubenest/base/errors'
import type {
  StagedSlot,
  StageRequest,
  UpdateBackend,
} from '../../../src/agent/backends/update-backend.ts'
import type { ImageStream } from '../../../src/agent/sources/image-source.ts'
import type { SlotName } from '../../../src/agent/update/journal-state.ts'
import { currentDisk } from './current-disk.ts'
import {
  digestOfImage,
  imageInside,
  SECTOR_BYTES,
  SLOT_BYTES,
  versionOfImage,
} from './sim-images.ts'

/** Where a slot is. */
export function slotPath(slot: SlotName): string {
  return `/slots/${slot}`
}

/** The back-end of the simulated disk. */
export function createAbExt4Backend(): UpdateBackend {
  return {
    async findSlots() {
      const line = new TextDecoder().decode(currentDisk().present('/proc/cmdline'))
      await currentDisk().pass()
      return {
        booted: line.includes('root=B') ? 'B' : 'A',
        devices: { A: slotPath('A'), B: slotPath('B') },
        sizesBytes: { A: SLOT_BYTES, B: SLOT_BYTES },
      }
    },
    blank: (_, target) => blank(target),
    receive: async (image, request) => ({
      fill: () => stage(image, request),
      discard: async () => {},
    }),
    discardReceived: async () => {},
    discard: (_, target) => blank(target),
    digestOf: async (_, slot) => digestOf(slot),
    async check({ booted }, target, record) {
      await currentDisk().pass()
      if (booted === target)
        throw new OsError('blocked', { code: 'slot-in-use', message: 'the running root' })
      if (record !== undefined && digestOf(target) !== record.digest) throw different()
      const id = imageInside(currentDisk().present(slotPath(target)))
      if (id === undefined) throw different()
      return { version: versionOfImage(id), contract: 'full' }
    },
    async versionOf(_, slot) {
      const id = imageInside(currentDisk().present(slotPath(slot)))
      return id === undefined ? undefined : versionOfImage(id)
    },
  }
}

async function blank(target: SlotName): Promise<void> {
  const file = slotPath(target)
  await diskOrError(() => currentDisk().write(file, new Uint8Array(SECTOR_BYTES), 0))
  await diskOrError(() => currentDisk().sync(file))
}

async function stage(image: ImageStream, request: StageRequest): Promise<StagedSlot> {
  const file = slotPath(request.target)
  const parts: Uint8Array[] = []
  for await (const part of image.bytes) {
    if (request.signal.aborted) throw new OsError('blocked', { code: 'cancelled', message: 'no' })
    const position = parts.length * SECTOR_BYTES
    if (position > 0) await diskOrError(() => currentDisk().write(file, part, position))
    parts.push(part)
  }
  await diskOrError(() => currentDisk().sync(file))
  const id = parts[1]?.[0] ?? 0
  if (digestOfImage(id) !== request.imageDigest)
    throw new OsError('integrity', { code: 'image-digest-mismatch', message: 'other bytes' })
  const head = parts[0] ?? new Uint8Array(SECTOR_BYTES)
  try {
    await diskOrError(() => currentDisk().write(file, head, 0))
    await diskOrError(() => currentDisk().sync(file))
  } catch (error) {
    await blank(request.target)
    throw error
  }
  const digest = digestOf(request.target)
  return { version: request.version, contract: 'full', digest, sizeBytes: SLOT_BYTES }
}

function digestOf(slot: SlotName): string {
  const content = currentDisk().present(slotPath(slot)) ?? new Uint8Array(0)
  return new Bun.CryptoHasher('sha256').update(content).digest('hex')
}

async function diskOrError(task: () => Promise<void>): Promise<void> {
  try {
    await task()
  } catch (cause) {
    throw new OsError('host', { code: 'device-failed', message: 'Cannot write the slot', cause })
  }
}

function different(): OsError {
  return new OsError('integrity', { code: 'slot-digest-mismatch', message: 'content differs' })
}
