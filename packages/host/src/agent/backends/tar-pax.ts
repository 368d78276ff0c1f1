// Records of a PAX header (`length key=value`): those that change what a member is are given, the
// rest is checked. Pure. What GNU tar would take from a record, and we do not know, is refused.
import { OsError } from '@kubenest/base/errors'
import { damaged, strictText } from './tar-header.ts'

/** What the records say about the next member. */
export interface PaxFacts {
  readonly path?: string
  readonly linkpath?: string
  readonly sizeBytes?: number
  /** A sparse file in one of GNU tar's three PAX forms. */
  readonly sparse?: { readonly name?: string; readonly realBytes: number }
}

const RECORDS_MAX = 100_000
const XATTR_NAME_BYTES_MAX = 255
/** Keys that GNU tar's oldest sparse form repeats. */
const REPEATED = new Set(['GNU.sparse.offset', 'GNU.sparse.numbytes'])
const SPARSE_NUMBERS = new Set(
  ['major', 'minor', 'numblocks', 'size', 'realsize', 'offset', 'numbytes'].map(
    (word) => `GNU.sparse.${word}`,
  ),
)
const NUMBERS = new Set(['size', 'uid', 'gid'])
const TIMES = new Set(['mtime', 'atime', 'ctime'])
/** Extended attributes that a root may carry; `trusted` steers overlays, for one. */
const XATTR_SPACES = /^(?:user\.|security\.|system\.posix_acl_(?:access|default)$)/

/** Reads the records before a member. */
export function parsePax(bytes: Uint8Array): PaxFacts {
  const records = new Map<string, string>()
  let count = 0
  for (const [key, value] of splitRecords(bytes)) {
    count += 1
    if (count > RECORDS_MAX) throw damaged('a member has too many PAX records')
    if (records.has(key) && !REPEATED.has(key)) throw damaged(`PAX record ${key} comes twice`)
    records.set(key, checkRecord(key, value))
  }
  return factsOf(records)
}

/** Records for all members that follow: nothing but comments is understood by every reader. */
export function checkGlobalPax(bytes: Uint8Array): void {
  for (const [key] of splitRecords(bytes))
    if (key !== 'comment') throw damaged(`a global PAX header sets ${key.slice(0, 40)}`)
}

function factsOf(records: ReadonlyMap<string, string>): PaxFacts {
  const real = records.get('GNU.sparse.realsize') ?? records.get('GNU.sparse.size')
  const name = records.get('GNU.sparse.name')
  const size = records.get('size')
  const path = records.get('path')
  const linkpath = records.get('linkpath')
  if (real === undefined && [...records.keys()].some((key) => key.startsWith('GNU.sparse.')))
    throw damaged('a sparse file has no size')
  return {
    ...(path === undefined ? {} : { path }),
    ...(linkpath === undefined ? {} : { linkpath }),
    ...(size === undefined ? {} : { sizeBytes: Number(size) }),
    ...(real === undefined
      ? {}
      : { sparse: { realBytes: Number(real), ...(name === undefined ? {} : { name }) } }),
  }
}

/** The value as text; empty for the binary ones, which only the kernel understands. */
function checkRecord(key: string, value: Uint8Array): string {
  if (key.startsWith('SCHILY.xattr.')) {
    checkXattr(key.slice('SCHILY.xattr.'.length))
    return ''
  }
  if (key.startsWith('GNU.') && !/^GNU\.sparse\.[a-z]+$/.test(key))
    throw damaged(`PAX record ${key.slice(0, 40)} is not of a root file system`)
  const text = strictText(value)
  if (key === 'hdrcharset') throw damaged('its names are in another character set')
  if ((NUMBERS.has(key) || SPARSE_NUMBERS.has(key)) && !/^\d{1,15}$/.test(text))
    throw damaged(`PAX record ${key} is ${JSON.stringify(text.slice(0, 40))}, not a number`)
  if (TIMES.has(key) && !/^-?\d{1,15}(?:\.\d{0,20})?$/.test(text))
    throw damaged(`PAX record ${key} is ${JSON.stringify(text.slice(0, 40))}, not a time`)
  if ((key === 'path' || key === 'linkpath' || key === 'GNU.sparse.name') && text === '')
    throw damaged(`PAX record ${key} is empty`)
  return text
}

function checkXattr(name: string): void {
  if (XATTR_SPACES.test(name) && name.length <= XATTR_NAME_BYTES_MAX) return
  throw new OsError('integrity', {
    code: 'image-member-refused',
    message: `Cannot use the image: the extended attribute ${JSON.stringify(name.slice(0, 100))} of a member is refused: only user., security. and access control lists belong into a root; pack it without`,
  })
}

function* splitRecords(bytes: Uint8Array): Generator<[string, Uint8Array]> {
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at)
    const digits =
      space === -1 ? '' : String.fromCharCode(...bytes.subarray(at, space).slice(0, 20))
    const end = /^[1-9]\d{0,8}$/.test(digits) ? at + Number(digits) : Infinity
    const equals = bytes.indexOf(0x3d, space)
    if (end > bytes.length || bytes[end - 1] !== 0x0a || equals === -1 || equals >= end)
      throw damaged('a PAX record is malformed')
    yield [strictText(bytes.subarray(space + 1, equals)), bytes.subarray(equals + 1, end - 1)]
    at = end
  }
}
