// The boot selector on the boot partition: grubenv, and grubenv.bak for when it is unreadable.
// Written in place as one block, flushed and read back; never truncated, renamed or made anew while
// it is in use (I6). The backup follows in a separate call, when the primary is durable.
import { OsError } from '@kubenest/base/errors'
import { readBytes, stat, syncDirectory } from '@kubenest/base/files'
import type { SysRoot } from '@kubenest/base/sysroot'
import {
  changeGrubEnvironment,
  GRUB_ENVIRONMENT_BYTES,
  GrubEnvironmentError,
  isGrubEnvironment,
  parseGrubEnvironment,
  renderGrubEnvironment,
  type GrubEnvironment,
} from '@kubenest/provision/boot/grub-environment'
import type { RawFiles } from '../../linux/raw-file.ts'
import { findBootLayout } from './boot-layout.ts'
import { slotOfEntry } from './slot-of-entry.ts'

export { BOOT_FOLDER } from './boot-layout.ts'

/** What GRUB would load. */
export interface BootEnvironmentView {
  readonly environment: GrubEnvironment
  /** `none`: neither block is readable, GRUB boots slot A. */
  readonly source: 'primary' | 'backup' | 'none'
}

export interface BootEnvironment {
  read(): Promise<BootEnvironmentView>
  /** Changes variables of the primary in one write; durable and read back when it resolves. */
  change(changes: Readonly<Record<string, string | undefined>>): Promise<void>
  /** Gives the backup the primary's saved entry. Call only after `change` has resolved. */
  backUp(): Promise<void>
}

/** The environment in a real folder (the boot folder of the system). */
export function createBootEnvironment(folder: string, rawFiles: RawFiles): BootEnvironment {
  const primary = `${folder}/grubenv`
  const backup = `${folder}/grubenv.bak`
  return {
    read: () => readView(primary, backup),
    async change(changes) {
      const { environment } = await readView(primary, backup)
      await writeBlock(rawFiles, folder, primary, changeGrubEnvironment(environment, changes))
    },
    async backUp() {
      const { environment, source } = await readView(primary, backup)
      const savedEntry = environment.get('saved_entry')
      if (source !== 'primary' || savedEntry === undefined) return
      const before = await readBytes(backup)
      const content = new Map([['saved_entry', savedEntry]])
      // What reads as written may be left of a flush that failed.
      if (before !== undefined && sameBytes(before, renderGrubEnvironment(content)))
        return flushBlock(rawFiles, backup)
      // A killed program may have written the primary and not flushed it: never both at once.
      await flushBlock(rawFiles, primary)
      await writeBlock(rawFiles, folder, backup, content)
    },
  }
}

/** The environment of a system, wherever its firmware looks for it. */
export function findBootEnvironment(sysroot: SysRoot, rawFiles: RawFiles): BootEnvironment {
  const find = async () => {
    const { folder } = await findBootLayout(sysroot)
    return createBootEnvironment(sysroot.path(folder), rawFiles)
  }
  return {
    read: async () => (await find()).read(),
    change: async (changes) => (await find()).change(changes),
    backUp: async () => (await find()).backUp(),
  }
}

async function readView(primary: string, backup: string): Promise<BootEnvironmentView> {
  for (const [file, source] of [
    [primary, 'primary'],
    [backup, 'backup'],
  ] as const) {
    const bytes = await readBytes(file)
    if (bytes === undefined || !isGrubEnvironment(bytes)) continue
    const environment = parseGrubEnvironment(bytes)
    if (slotOfEntry(environment.get('saved_entry')) !== undefined) return { environment, source }
  }
  return { environment: await readBlock(primary), source: 'none' }
}

/** Variables of others are kept when ours is missing: a node built by others begins like this. */
async function readBlock(file: string): Promise<GrubEnvironment> {
  const bytes = await readBytes(file)
  return bytes !== undefined && isGrubEnvironment(bytes) ? parseGrubEnvironment(bytes) : new Map()
}

async function writeBlock(
  rawFiles: RawFiles,
  folder: string,
  file: string,
  environment: GrubEnvironment,
): Promise<void> {
  const block = render(environment)
  const isNew = (await stat(file)) === undefined
  const handle = await rawFiles.open(file, { access: 'write', create: isNew })
  try {
    await handle.write(block, 0)
    await handle.sync()
    const back = new Uint8Array(GRUB_ENVIRONMENT_BYTES)
    await handle.read(back, 0)
    if (!sameBytes(back, block)) throw notWritten(file)
  } finally {
    await handle.close()
  }
  if (isNew) await syncName(folder)
}

async function flushBlock(rawFiles: RawFiles, file: string): Promise<void> {
  const handle = await rawFiles.open(file, { access: 'read' })
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function syncName(folder: string): Promise<void> {
  try {
    await syncDirectory(folder)
  } catch (cause) {
    throw new OsError('host', {
      code: 'file-failed',
      message: `Cannot make a new name in ${folder} durable; check the boot partition`,
      fields: { folder },
      cause,
    })
  }
}

function render(environment: GrubEnvironment): Uint8Array {
  try {
    return renderGrubEnvironment(environment)
  } catch (cause) {
    if (!(cause instanceof GrubEnvironmentError)) throw cause
    throw new OsError('host', { code: cause.code, message: cause.message, cause })
  }
}

function notWritten(file: string): OsError {
  return new OsError('host', {
    code: 'grubenv-not-written',
    message: `Cannot write ${file}: what was read back differs; check the boot partition`,
    fields: { file },
  })
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at])
}
