// A target as it is on this node: where its path leads, what is there, and how it is written.
import { OsError, toOsError } from '@kubenest/base/errors'
import {
  readBytes,
  removeLeftovers,
  removePath,
  replaceFile,
  stat,
  syncDirectory,
  writeFile,
} from '@kubenest/base/files'
import type { Clock } from '@kubenest/base/clock'
import type { Exec } from '@kubenest/base/exec'
import type { Logger } from '@kubenest/base/log'
import type { SysRoot } from '@kubenest/base/sysroot'
import { replaceBootFile } from '../../linux/replace-boot-file.ts'
import { locateTarget } from './locate-target.ts'
import type { SettingTarget } from './setting-model.ts'
import { refusal } from './setting-values.ts'

/** What applying needs. */
export interface SettingsDeps {
  readonly sysroot: SysRoot
  readonly log: Logger
  readonly clock: Clock
  readonly exec: Exec
  /** Owner that folders of settings files must have: root. */
  readonly ownerUid: number
  /** Writes a kernel parameter with one write; throws when the kernel refuses it. */
  readonly writeKernelValue: (path: string, text: string) => void
}

/** A target as it is before a request. */
export interface FoundTarget {
  readonly target: SettingTarget
  readonly realPath: string
  /** `undefined`: no such file, or a kernel value that cannot be read. */
  readonly before: string | undefined
}

/** Finds and reads a target; throws OsError `invalid` when it may not be used. */
export async function lookAtTarget(
  target: SettingTarget,
  deps: SettingsDeps,
): Promise<FoundTarget> {
  const realPath = await locateTarget(target, deps.sysroot, deps.ownerUid)
  return { target, realPath, before: await readTarget(target, realPath, deps) }
}

/** Present content; `undefined` as in {@link FoundTarget}. */
export async function readTarget(
  target: Pick<SettingTarget, 'path' | 'kind'>,
  realPath: string,
  deps: Pick<SettingsDeps, 'log'>,
): Promise<string | undefined> {
  if (target.kind !== 'kernel-value') return decode(target.path, await readBytes(realPath))
  try {
    return decode(target.path, await readBytes(realPath))
  } catch (error) {
    // Some parameters are write-only (net.ipv4.route.flush): nothing to put back then.
    deps.log.debug('kernel value cannot be read', { path: target.path, ...toOsError(error).fields })
    return undefined
  }
}

/** Gives a target its content; `undefined` removes a file. Durable when it resolves. */
export async function writeTarget(
  target: Pick<SettingTarget, 'kind'>,
  realPath: string,
  content: string | undefined,
  deps: SettingsDeps,
): Promise<void> {
  if (content === undefined) return removeFile(target, realPath)
  if (target.kind === 'kernel-value') return deps.writeKernelValue(realPath, content)
  if (target.kind === 'boot-file') return replaceBootFile(realPath, content)
  try {
    await removeLeftovers(realPath)
    await replaceFile(realPath, content)
  } catch (error) {
    // A file that is itself a mount point cannot be renamed over (contract 5.1).
    if (toOsError(error).fields['errno'] !== 'EBUSY') throw error
    const mode = (await stat(realPath))?.mode
    await writeFile(realPath, content, mode)
  }
  await verify(realPath, content)
}

async function removeFile(target: Pick<SettingTarget, 'kind'>, realPath: string): Promise<void> {
  if (target.kind !== 'file') return
  await removeLeftovers(realPath)
  await removePath(realPath)
  await syncDirectory(realPath.slice(0, realPath.lastIndexOf('/')))
}

async function verify(realPath: string, content: string): Promise<void> {
  const back = await readBytes(realPath)
  if (back?.equals(Buffer.from(content)) === true) return
  throw new OsError('host', {
    code: 'setting-not-written',
    message: `Cannot apply the settings: what was read back from ${realPath} differs; check its disk`,
    fields: { file: realPath },
  })
}

function decode(path: string, bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw refusal('setting-file-not-text', `${path} is not UTF-8 text; correct it on the node`)
  }
}
