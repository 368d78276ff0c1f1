// Where a target really is on this node. Links are followed here, once, and the place they lead to
// is judged (threat T11): a link must not carry a write out of the allowed files.
import type { OsError } from '@kubenest/base/errors'
import { resolveLinks, stat } from '@kubenest/base/files'
import type { SysRoot } from '@kubenest/base/sysroot'
import type { SettingTarget } from './setting-model.ts'
import { sysctlKeyOf } from './sysctl-key.ts'
import { refusal } from './setting-values.ts'

const FILE_BYTES_MAX = 1024 * 1024
const OTHERS_MAY_WRITE = 0o022

/** The real path to read and write; throws OsError `invalid` when it may not be used. */
export async function locateTarget(
  target: SettingTarget,
  sysroot: SysRoot,
  ownerUid: number,
): Promise<string> {
  return target.kind === 'kernel-value'
    ? await locateKernelValue(target, sysroot)
    : await locateFile(target, sysroot, ownerUid)
}

async function locateKernelValue(target: SettingTarget, sysroot: SysRoot): Promise<string> {
  const tree = await resolveLinks(sysroot.path('/proc/sys'))
  const real = await resolveLinks(sysroot.path(target.path))
  const info = real === undefined ? undefined : await stat(real)
  if (tree === undefined || real === undefined || info?.kind !== 'file')
    throw refusal(
      'sysctl-key-unknown',
      `this kernel has no parameter ${sysctlKeyOf(target.path)} (${target.path}); check its name, or load the module it belongs to`,
    )
  if (!real.startsWith(`${tree}/`)) throw outside(target)
  return real
}

async function locateFile(
  target: SettingTarget,
  sysroot: SysRoot,
  ownerUid: number,
): Promise<string> {
  const asked = sysroot.path(target.path)
  const folder = await resolveLinks(asked.slice(0, asked.lastIndexOf('/')))
  const folderInfo = folder === undefined ? undefined : await stat(folder)
  if (folder === undefined || folderInfo?.kind !== 'directory')
    throw refusal(
      'config-path-missing',
      `the folder of ${target.path} does not exist; make it on the node first`,
    )
  if (folderInfo.uid !== ownerUid || (folderInfo.mode & OTHERS_MAY_WRITE) !== 0)
    throw refusal(
      'config-path-unsafe',
      `the folder of ${target.path} can be written by others than root; correct its owner and mode`,
    )
  const real = await realFile(target, asked, folder)
  if (!target.isAllowed?.(await pathOnNode(real, sysroot))) throw outside(target)
  return real
}

async function realFile(target: SettingTarget, asked: string, folder: string): Promise<string> {
  const info = await stat(asked)
  if (info === undefined) return `${folder}/${asked.slice(asked.lastIndexOf('/') + 1)}`
  const real = await resolveLinks(asked)
  const realInfo = real === undefined ? undefined : await stat(real)
  if (real === undefined || realInfo?.kind !== 'file' || realInfo.sizeBytes > FILE_BYTES_MAX)
    throw refusal(
      'config-path-refused',
      `${target.path} is not a plain file of at most 1 MiB; correct it on the node`,
    )
  return real
}

async function pathOnNode(real: string, sysroot: SysRoot): Promise<string> {
  const root = (await resolveLinks(sysroot.root)) ?? sysroot.root
  if (root === '/') return real
  return real.startsWith(`${root}/`) ? real.slice(root.length) : ''
}

function outside(target: SettingTarget): OsError {
  return refusal(
    'config-path-refused',
    `${target.path} is a link out of the allowed files; replace the link by a file`,
  )
}
