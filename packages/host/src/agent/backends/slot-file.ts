// A slot's file or device, past the page cache where that is possible. Some file systems accept the
// direct flag and refuse the first transfer: then the file is opened again without it.
import { isOsError } from '@kubenest/base/errors'
import type { RawFile, RawFiles } from '../../linux/raw-file.ts'

/** An open slot. */
export interface SlotFile extends RawFile {
  /** False: the page cache must be dropped before what is read counts as read from the medium. */
  isDirect(): boolean
}

/** How a slot is opened. */
export interface SlotFileOptions {
  readonly access: 'read' | 'write'
  /** Refuse a device that the kernel uses. */
  readonly exclusive: boolean
}

/** Opens a slot, direct where possible. */
export async function openSlotFile(
  rawFiles: RawFiles,
  path: string,
  options: SlotFileOptions,
): Promise<SlotFile> {
  let current = await openFastest(rawFiles, path, options)
  let reopening: Promise<void> | undefined

  async function reopen(): Promise<void> {
    // Closed first: an exclusive device cannot be opened twice.
    await current.file.close()
    current = { file: await rawFiles.open(path, options), isDirect: false }
  }

  async function transfer<T>(task: (file: RawFile) => Promise<T>): Promise<T> {
    const used = current
    try {
      return await task(used.file)
    } catch (error) {
      if (!used.isDirect || !isOsError(error, 'not-supported')) throw error
      reopening ??= reopen()
      await reopening
      return task(current.file)
    }
  }

  return {
    read: (buffer, position) => transfer((file) => file.read(buffer, position)),
    write: (bytes, position) => transfer((file) => file.write(bytes, position)),
    sync: () => current.file.sync(),
    close: () => current.file.close(),
    isDirect: () => current.isDirect,
  }
}

async function openFastest(
  rawFiles: RawFiles,
  path: string,
  options: SlotFileOptions,
): Promise<{ readonly file: RawFile; readonly isDirect: boolean }> {
  try {
    return { file: await rawFiles.open(path, { ...options, direct: true }), isDirect: true }
  } catch (error) {
    if (!isOsError(error, 'not-supported')) throw error
    return { file: await rawFiles.open(path, options), isDirect: false }
  }
}
