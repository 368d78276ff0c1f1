// What may be inside an OS tar. Pure. Set-uid bits and capabilities are allowed, because the tar's
// digest matched before anything is unpacked; names that leave the root and device nodes outside
// /dev are not (decision 17).
import { OsError } from '@kubenest/base/errors'

/** One member of a tar, as its header tells it. */
export interface TarMember {
  readonly name: string
  readonly type: string
  readonly linkname: string | undefined
  readonly sizeBytes: number
}

/** Members that are not unpacked: device nodes below /dev, which the kernel makes by itself. */
export type TarMemberVerdict = 'unpack' | 'skip'

/**
 * Says what to do with a member; throws kind `integrity`, code `image-member-refused`, when it is
 * bad.
 */
export function checkTarMember(member: TarMember): TarMemberVerdict {
  const name = normalise(member.name)
  if (member.type === 'character-device' || member.type === 'block-device') {
    if (name.startsWith('dev/')) return 'skip'
    throw refuse(member.name, 'it is a device node outside /dev')
  }
  if (member.type === 'link') normalise(member.linkname ?? '')
  if (member.type === 'symlink') checkSymlink(member, name)
  return 'unpack'
}

/**
 * An absolute link is meant from the root of the image and stays inside; climbing above the root
 * does not.
 */
function checkSymlink(member: TarMember, name: string): void {
  const target = member.linkname ?? ''
  if (target === '' || target.includes('\0')) throw refuse(member.name, 'its link target is empty')
  let depth = target.startsWith('/') ? 0 : name.split('/').length - 1
  for (const part of target.split('/')) {
    if (part === '' || part === '.') continue
    depth += part === '..' ? -1 : 1
    if (depth < 0) throw refuse(member.name, `its link ${JSON.stringify(target)} leaves the root`)
  }
}

function normalise(name: string): string {
  if (name.startsWith('/')) throw refuse(name, 'its name is absolute')
  if (name.includes('\0')) throw refuse(name, 'its name holds a zero byte')
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw refuse(name, 'its name holds ..')
  return parts.join('/')
}

function refuse(name: string, reason: string): OsError {
  return new OsError('integrity', {
    code: 'image-member-refused',
    message: `Cannot use the image: its member ${JSON.stringify(name.slice(0, 200))} is refused: ${reason}`,
  })
}
