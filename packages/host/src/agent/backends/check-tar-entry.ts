// What one member of an OS tar may be. Pure. Set-uid bits and capabilities are allowed, because the
// tar's digest matched before anything is unpacked; names that leave the root and device nodes
// outside /dev are not (decision 17).
import { OsError } from '@kubenest/base/errors'

/** One member of a tar, as its headers tell it. */
export interface TarMember {
  readonly name: string
  readonly type: 'file' | 'link' | 'symlink' | 'device' | 'directory' | 'fifo'
  /** Of links, else empty. */
  readonly linkname: string
  /** Of a sparse file, its size with the holes. */
  readonly sizeBytes: number
}

/** Where a member goes. */
export interface TarPlace {
  /** Below the root, without `./`; empty for the root itself. */
  readonly path: string
  /** The same for the target of a hard link. */
  readonly linkPath?: string
  /** Device nodes below /dev are not unpacked: the kernel makes them by itself. */
  readonly isSkipped: boolean
}

/** The kernel's place until everything else is there: nobody else may put something in it. */
export const KERNEL_WAITING = 'boot/.vmlinuz.kubenest'
const PATH_BYTES_MAX = 4095
const NAME_BYTES_MAX = 255
const DEPTH_MAX = 256
const ENCODER = new TextEncoder()

/** Judges a member; throws kind `integrity`, code `image-member-refused`, when it is bad. */
export function checkTarMember(member: TarMember): TarPlace {
  const path = placeOf(member, member.name)
  if (path === '' && member.type !== 'directory')
    throw refuseMember(member.name, 'the root is a folder')
  if (path === KERNEL_WAITING) throw refuseMember(member.name, 'the name is reserved')
  if (member.type === 'symlink') checkSymlink(member, path)
  if (member.type === 'link')
    return { path, linkPath: placeOf(member, member.linkname), isSkipped: false }
  if (member.type !== 'device') return { path, isSkipped: false }
  if (!path.startsWith('dev/')) throw refuseMember(member.name, 'it is a device node outside /dev')
  return { path, isSkipped: true }
}

/** Only one way to write a path: what is another way is read in another way by somebody. */
function placeOf(member: TarMember, name: string): string {
  if (name === '') throw refuseMember(member.name, 'it has no name')
  if (name.startsWith('/')) throw refuseMember(member.name, `${shown(name)} is absolute`)
  assertPrintable(member, name)
  const path = name.replace(/^\.(?:\/|$)/, '').replace(/\/$/, '')
  if (path === '') return ''
  const parts = path.split('/')
  if (parts.includes('..')) throw refuseMember(member.name, `${shown(name)} holds ..`)
  if (parts.includes('') || parts.includes('.'))
    throw refuseMember(member.name, `${shown(name)} holds an empty part`)
  if (parts.length > DEPTH_MAX) throw refuseMember(member.name, 'it lies too deep')
  if (ENCODER.encode(path).length > PATH_BYTES_MAX || parts.some(isTooLong))
    throw refuseMember(member.name, 'its name is too long')
  return path
}

function isTooLong(part: string): boolean {
  return ENCODER.encode(part).length > NAME_BYTES_MAX
}

/**
 * An absolute link is meant from the root of the image and stays inside; climbing above the root
 * does not.
 */
function checkSymlink(member: TarMember, path: string): void {
  const target = member.linkname
  if (target === '') throw refuseMember(member.name, 'its link target is empty')
  if (ENCODER.encode(target).length > PATH_BYTES_MAX)
    throw refuseMember(member.name, 'its link target is too long')
  assertPrintable(member, target)
  let depth = target.startsWith('/') ? 0 : path.split('/').length - 1
  for (const part of target.split('/')) {
    if (part === '' || part === '.') continue
    depth += part === '..' ? -1 : 1
    if (depth < 0) throw refuseMember(member.name, `its link ${shown(target)} leaves the root`)
  }
}

function assertPrintable(member: TarMember, text: string): void {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f-\u009f]/.test(text))
    throw refuseMember(member.name, `${shown(text)} holds a control character`)
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 200))
}

/** The refusal of a member, by name and reason. */
export function refuseMember(name: string, reason: string): OsError {
  return new OsError('integrity', {
    code: 'image-member-refused',
    message: `Cannot use the image: its member ${shown(name)} is refused: ${reason}`,
  })
}
