// Files and block devices at offsets: the port through which every durable byte of an update goes,
// so that a test can record each write and flush. Nothing here creates a name or changes a size
// unless asked to: no open flag truncates.
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { errnoReason } from '@kubenest/base/errno-reason'
import { OsError } from '@kubenest/base/errors'

/** An open file or device. */
export interface RawFile {
  /** Fills the buffer from `position`; returns how many bytes there were. */
  read(buffer: Uint8Array, position: number): Promise<number>
  /** Writes all bytes at `position`. */
  write(bytes: Uint8Array, position: number): Promise<void>
  /** Data and size are on the medium when this resolves. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** How to open. */
export interface RawOpenOptions {
  readonly access: 'read' | 'write'
  /** Make the file when it is missing. @defaultValue false */
  readonly create?: boolean
  /**
   * Refuse a device that is in use by the kernel (mounted, part of a mapping). @defaultValue false
   */
  readonly exclusive?: boolean
  /**
   * Past the page cache; buffers, positions and lengths must be multiples of 4096. @defaultValue
   * false
   */
  readonly direct?: boolean
}

/** Opens files and devices. */
export interface RawFiles {
  open(path: string, options: RawOpenOptions): Promise<RawFile>
}

/** The machine's files and devices. Links are not followed at the last name. */
export const systemRawFiles: RawFiles = { open: openRawFile }

async function openRawFile(path: string, options: RawOpenOptions): Promise<RawFile> {
  try {
    return wrap(path, await open(path, flagsOf(options), 0o600))
  } catch (cause) {
    throw rawError('open', path, cause)
  }
}

function flagsOf(options: RawOpenOptions): number {
  let flags =
    constants.O_NOFOLLOW | (options.access === 'read' ? constants.O_RDONLY : constants.O_RDWR)
  if (options.create) flags |= constants.O_CREAT
  // Without O_CREAT this is the kernel's "busy" check of block devices; regular files ignore it.
  if (options.exclusive && !options.create) flags |= constants.O_EXCL
  if (options.direct) flags |= constants.O_DIRECT
  return flags
}

function wrap(path: string, handle: FileHandle): RawFile {
  return {
    read: (buffer, position) =>
      guard(`read ${rangeOf(buffer, position)} of`, path, () =>
        readFully(handle, buffer, position),
      ),
    write: (bytes, position) =>
      guard(`write ${rangeOf(bytes, position)} of`, path, () =>
        writeFully(handle, bytes, position),
      ),
    sync: () => guard('flush', path, () => handle.sync()),
    close: () => guard('close', path, () => handle.close()),
  }
}

async function readFully(
  handle: FileHandle,
  buffer: Uint8Array,
  position: number,
): Promise<number> {
  let done = 0
  while (done < buffer.length) {
    const { bytesRead } = await handle.read(buffer, done, buffer.length - done, position + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return done
}

async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

function rangeOf(bytes: Uint8Array, position: number): string {
  return `bytes ${position} to ${position + bytes.length}`
}

async function guard<T>(verb: string, path: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task()
  } catch (cause) {
    throw rawError(verb, path, cause)
  }
}

function rawError(verb: string, path: string, cause: unknown): OsError {
  const errno = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
  if (errno === 'EBUSY')
    return new OsError('blocked', {
      code: 'device-busy',
      message: `Cannot ${verb} ${path}: it is in use; unmount it and repeat`,
      fields: { path, errno },
      cause,
    })
  const isFull = errno === 'ENOSPC' || errno === 'EDQUOT'
  return new OsError('host', {
    code: isFull ? 'disk-full' : errno === 'EINVAL' ? 'not-supported' : 'device-failed',
    message: `Cannot ${verb} ${path}: ${errnoReason(errno)}`,
    fields: { path, errno },
    cause,
  })
}
