// Applies a settings request as a whole or not at all (decision 25): everything is parsed and
// planned before the first write, and a failing write undoes those before it.
import type { ConfigureEntry } from '@kubenest/api/agent/rpc'
import { OsError, toOsError } from '@kubenest/base/errors'
import {
  readBytes,
  removeLeftovers,
  removePath,
  replaceFile,
  stat,
  writeFile,
} from '@kubenest/base/files'
import type { Logger } from '@kubenest/base/log'
import type { SysRoot } from '@kubenest/base/sysroot'
import { locateTarget } from './locate-target.ts'
import { planSettings, targetsOfSettings } from './plan-settings.ts'
import type { SettingTarget } from './setting-model.ts'
import { refusal } from './setting-values.ts'

/** What applying needs. */
export interface SettingsDeps {
  readonly sysroot: SysRoot
  readonly log: Logger
  /** Owner that folders of settings files must have: root. */
  readonly ownerUid: number
  /** Writes a kernel parameter with one write; throws when the kernel refuses it. */
  readonly writeKernelValue: (path: string, text: string) => void
}

/** A target as it is before the request. */
interface Found {
  readonly target: SettingTarget
  readonly realPath: string
  /** `undefined`: no such file, or a kernel value that cannot be read. */
  readonly before: Uint8Array | undefined
}

/** Applies all entries; throws OsError with nothing changed. */
export async function applySettings(
  configs: readonly ConfigureEntry[],
  deps: SettingsDeps,
): Promise<void> {
  const found = new Map<string, Found>()
  for (const target of targetsOfSettings(configs))
    found.set(target.path, await lookAt(target, deps))
  const present = new Map([...found].map(([path, each]) => [path, textOf(each)]))
  const plan = planSettings(configs, present)
  for (const { model, key, reason } of plan.warnings)
    deps.log.warn('a setting was left out', { model, key, reason })
  const writes = plan.changes.flatMap((change) => {
    const each = found.get(change.target.path)
    return each === undefined || present.get(change.target.path) === change.content
      ? []
      : [{ found: each, content: change.content }]
  })
  await writeAll(writes, deps)
}

async function lookAt(target: SettingTarget, deps: SettingsDeps): Promise<Found> {
  const realPath = await locateTarget(target, deps.sysroot, deps.ownerUid)
  if (target.kind === 'file') return { target, realPath, before: await readBytes(realPath) }
  try {
    return { target, realPath, before: await readBytes(realPath) }
  } catch (error) {
    // Some parameters are write-only (net.ipv4.route.flush): nothing to put back then.
    deps.log.debug('kernel value cannot be read', { path: target.path, ...toOsError(error).fields })
    return { target, realPath, before: undefined }
  }
}

function textOf(found: Found): string | undefined {
  if (found.before === undefined || found.target.kind === 'kernel-value') return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(found.before)
  } catch {
    throw refusal(
      'setting-file-not-text',
      `${found.target.path} is not UTF-8 text; correct it on the node`,
    )
  }
}

async function writeAll(
  writes: readonly { found: Found; content: string }[],
  deps: SettingsDeps,
): Promise<void> {
  const { log } = deps
  const touched: Found[] = []
  try {
    for (const { found, content } of writes) {
      // Noted before the write: a file that is written in place may be half-way when that fails. A
      // kernel value is set or it is not.
      if (found.target.kind === 'file') touched.unshift(found)
      await writeTarget(found, content, deps)
      if (found.target.kind === 'kernel-value') touched.unshift(found)
      log.info('setting written', { path: found.target.path })
    }
  } catch (error) {
    const lost = await undoAll(touched, deps)
    if (lost.length === 0) throw error
    const failure = toOsError(error)
    const message = `${failure.message}; and these could not be put back: ${lost.join(', ')}`
    throw new OsError('host', { code: 'settings-undo-failed', message, cause: error })
  }
}

async function undoAll(touched: readonly Found[], deps: SettingsDeps): Promise<string[]> {
  const lost: string[] = []
  for (const found of touched) {
    try {
      await undo(found, deps)
    } catch (error) {
      deps.log.error('a setting could not be put back', {
        path: found.target.path,
        reason: toOsError(error).message,
      })
      lost.push(found.target.path)
    }
  }
  return lost
}

async function undo(found: Found, deps: SettingsDeps): Promise<void> {
  if (found.before !== undefined) await writeTarget(found, found.before, deps)
  else if (found.target.kind === 'file') await removePath(found.realPath)
}

async function writeTarget(
  found: Found,
  content: string | Uint8Array,
  deps: SettingsDeps,
): Promise<void> {
  if (found.target.kind === 'kernel-value') {
    const text = typeof content === 'string' ? content : new TextDecoder().decode(content)
    return deps.writeKernelValue(found.realPath, text)
  }
  try {
    await removeLeftovers(found.realPath)
    await replaceFile(found.realPath, content)
  } catch (error) {
    // A file that is itself a mount point cannot be renamed over (contract 5.1).
    if (toOsError(error).fields['errno'] !== 'EBUSY') throw error
    const mode = (await stat(found.realPath))?.mode
    await writeFile(found.realPath, content, mode)
  }
}
