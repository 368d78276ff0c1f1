// A standby slot opened for writing: direct where possible, two aligned buffers, bounded dirty
// data. The first 64 KiB are never written by the stream: without them nothing mounts the slot
// (I5).
import { OsError } from '@kubenest/base/errors'
import { alignedBuffer, DIRECT_ALIGNMENT_BYTES } from '../../linux/aligned-buffer.ts'
import { dropPageCache } from '../../linux/drop-cache.ts'
import type { RawFile, RawFiles } from '../../linux/raw-file.ts'
import { openSlotFile } from './slot-file.ts'

/** What is written last, bytes. */
export const HEAD_BYTES = 65_536

const CHUNK_BYTES = 4 * 1024 * 1024
const SYNC_EVERY_BYTES = 64 * 1024 * 1024
/** Small: while a piece is looked at nothing else runs, and callers wait for `status`. */
const READ_BACK_BYTES = 1024 * 1024

export interface SlotDevice {
  /** Of the device, for messages. */
  readonly path: string
  /** Zeroes the first 64 KiB, durably. */
  blankHead(): Promise<void>
  /** Appends bytes of the content; those of the first 64 KiB are only kept. */
  append(bytes: Uint8Array): Promise<void>
  /**
   * Ends the content; durable from 64 KiB on. Returns the kept head (shared: may be changed before
   * writing).
   */
  finish(): Promise<{ readonly head: Uint8Array; readonly sizeBytes: number }>
  /** Writes the first 64 KiB, durably. */
  writeHead(head: Uint8Array): Promise<void>
  /**
   * Gives what is on the medium, not what is in the cache, in order, from `start` (a multiple of
   * 4096).
   */
  readBack(start: number, end: number, take: (bytes: Uint8Array) => void): Promise<void>
  /** Any bytes, for looking into the file system. */
  readonly readAt: (position: number, length: number) => Promise<Uint8Array>
  close(): Promise<void>
}

/** Opens a slot that nobody uses; refuses a busy device. */
export async function openSlotDevice(
  rawFiles: RawFiles,
  path: string,
  capacityBytes: number,
  access: 'read' | 'write' = 'write',
): Promise<SlotDevice> {
  const file = await openSlotFile(rawFiles, path, { access, exclusive: true })
  const writer = createAppender(file, capacityBytes)
  return {
    path,
    blankHead: () => writeHead(file, new Uint8Array(HEAD_BYTES)),
    append: writer.append,
    finish: writer.finish,
    writeHead: (head) => writeHead(file, head),
    async readBack(start, end, take) {
      if (!file.isDirect()) await dropPageCache(path)
      await readChunks(file, path, { start, end }, take)
    },
    readAt: (position, length) => readUnaligned(file, position, length),
    close: () => file.close(),
  }
}

async function writeHead(file: RawFile, head: Uint8Array): Promise<void> {
  const buffer = alignedBuffer(HEAD_BYTES)
  buffer.set(head)
  await file.write(buffer, 0)
  await file.sync()
}

function createAppender(file: RawFile, capacityBytes: number) {
  const head = new Uint8Array(HEAD_BYTES)
  let [filling, writing] = [alignedBuffer(CHUNK_BYTES), alignedBuffer(CHUNK_BYTES)]
  let [filledBytes, sizeBytes, writtenTo, syncedTo] = [0, 0, HEAD_BYTES, HEAD_BYTES]
  let pending: Promise<void> = Promise.resolve()

  async function flush(): Promise<void> {
    await pending
    if (filledBytes === 0) return
    const length = Math.ceil(filledBytes / DIRECT_ALIGNMENT_BYTES) * DIRECT_ALIGNMENT_BYTES
    filling.fill(0, filledBytes, length)
    const position = writtenTo
    ;[filling, writing] = [writing, filling]
    writtenTo += length
    filledBytes = 0
    pending = file.write(writing.subarray(0, length), position)
    // The error is thrown where the promise is awaited; until then it must not count as unhandled.
    pending.catch(() => undefined)
    if (writtenTo - syncedTo < SYNC_EVERY_BYTES) return
    await pending
    await file.sync()
    syncedTo = writtenTo
  }

  async function append(bytes: Uint8Array): Promise<void> {
    if (roundUp(sizeBytes + bytes.length) > capacityBytes) throw tooLarge(capacityBytes)
    let rest = bytes
    if (sizeBytes < HEAD_BYTES) {
      const length = Math.min(rest.length, HEAD_BYTES - sizeBytes)
      head.set(rest.subarray(0, length), sizeBytes)
      sizeBytes += length
      rest = rest.subarray(length)
    }
    while (rest.length > 0) {
      const length = Math.min(rest.length, CHUNK_BYTES - filledBytes)
      filling.set(rest.subarray(0, length), filledBytes)
      filledBytes += length
      sizeBytes += length
      rest = rest.subarray(length)
      if (filledBytes === CHUNK_BYTES) await flush()
    }
  }

  async function finish() {
    await flush()
    await pending
    await file.sync()
    return { head, sizeBytes }
  }
  return { append, finish }
}

/** Reads the next chunk while the last one is looked at. */
async function readChunks(
  file: RawFile,
  path: string,
  { start, end }: { readonly start: number; readonly end: number },
  take: (bytes: Uint8Array) => void,
): Promise<void> {
  const buffers = [alignedBuffer(READ_BACK_BYTES), alignedBuffer(READ_BACK_BYTES)] as const
  const read = (position: number, which: number) => {
    const length = Math.min(READ_BACK_BYTES, roundUp(end - position))
    return file.read(buffers[which % 2 === 0 ? 0 : 1].subarray(0, length), position)
  }
  let next = start < end ? read(start, 0) : undefined
  for (let position = start, which = 0; position < end; position += READ_BACK_BYTES, which += 1) {
    const got = (await next) ?? 0
    const wanted = Math.min(READ_BACK_BYTES, end - position)
    if (got < wanted) throw shortRead(path, position + got)
    next =
      position + READ_BACK_BYTES < end ? read(position + READ_BACK_BYTES, which + 1) : undefined
    take(buffers[which % 2 === 0 ? 0 : 1].subarray(0, wanted))
  }
}

async function readUnaligned(file: RawFile, position: number, length: number): Promise<Uint8Array> {
  const start = position - (position % DIRECT_ALIGNMENT_BYTES)
  const buffer = alignedBuffer(roundUp(position + length - start))
  const got = await file.read(buffer, start)
  return buffer.slice(position - start, Math.min(got, position - start + length))
}

function roundUp(length: number): number {
  return Math.ceil(length / DIRECT_ALIGNMENT_BYTES) * DIRECT_ALIGNMENT_BYTES
}

function tooLarge(capacityBytes: number): OsError {
  return new OsError('invalid', {
    code: 'image-too-large',
    message: `Cannot use the image: it is larger than the slot's ${capacityBytes} bytes; build it with a smaller root size`,
    fields: { capacityBytes },
  })
}

function shortRead(path: string, position: number): OsError {
  return new OsError('host', {
    code: 'slot-short-read',
    message: `Cannot read ${path} back: it ends at byte ${position}; check the partition`,
  })
}
