// What the members of a tar make together: no member goes through a link of another, none comes
// twice as something else, hard links lead to files that came before. Pure state.
import { OsError } from '@kubenest/base/errors'
import { checkTarMember, refuseMember, type TarMember } from './check-tar-entry.ts'

/** Caps against a tar that is built to exhaust the node. */
const MEMBERS_MAX = 500_000
const SKIPPED_MAX = 1000

/** The members so far. */
export interface TarTree {
  /** Adds a member; throws when it must not be unpacked. */
  add(member: TarMember): void
  /** Names, as in the archive, that are not unpacked. */
  readonly skipped: readonly string[]
  readonly members: number
}

/** Starts with nothing; the contents of all members together may have this size. */
export function createTarTree(contentBytesMax: number): TarTree {
  const kinds = new Map<string, TarMember['type'] | 'skipped'>()
  const skipped: string[] = []
  let [members, contentBytes] = [0, 0]

  function assertBounded(member: TarMember): void {
    members += 1
    contentBytes += member.sizeBytes
    if (members > MEMBERS_MAX) throw tooMuch(`it has more than ${MEMBERS_MAX} members`)
    if (contentBytes > contentBytesMax)
      throw tooMuch(`its content exceeds the slot's ${contentBytesMax} bytes`)
  }

  function assertPlace(member: TarMember, path: string): void {
    for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) {
      const kind = kinds.get(path.slice(0, end))
      if (kind !== undefined && kind !== 'directory')
        throw refuseMember(member.name, `it goes through ${path.slice(0, end)}, a ${kind}`)
    }
    const before = kinds.get(path)
    if (before === undefined || (before === 'directory' && member.type === 'directory')) return
    throw refuseMember(member.name, `it comes a second time, after a ${before}`)
  }

  return {
    add(member) {
      assertBounded(member)
      const { path, linkPath, isSkipped } = checkTarMember(member)
      assertPlace(member, path)
      if (linkPath !== undefined && kinds.get(linkPath) !== 'file')
        throw refuseMember(member.name, `it is a hard link to ${linkPath}, no file before it`)
      if (isSkipped) skipped.push(member.name)
      if (skipped.length > SKIPPED_MAX) throw tooMuch(`it has more than ${SKIPPED_MAX} devices`)
      kinds.set(path, isSkipped ? 'skipped' : member.type === 'link' ? 'file' : member.type)
    },
    skipped,
    get members() {
      return members
    },
  }
}

function tooMuch(reason: string): OsError {
  return new OsError('invalid', {
    code: 'image-too-large',
    message: `Cannot use the image: ${reason}; build it with a smaller root`,
  })
}
