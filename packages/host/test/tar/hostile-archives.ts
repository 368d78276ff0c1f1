// S-13: archives that want something else than to be a root, and what each is refused for.
import { gzipSync } from 'node:zlib'
import { HOSTILE_MEMBERS } from './hostile-members.ts'
import { DAMAGED, REFUSED, row, type HostileArchive } from './hostile-row.ts'
import { archive, join, longName, member, pad, pax } from './tar-blocks.ts'

const binary = (first: number, ...rest: number[]) =>
  Uint8Array.from([first, ...Array.from({ length: 11 - rest.length }, () => 0), ...rest])
const sparseTable = (...numbers: number[]) =>
  numbers.map((value) => `${value.toString(8).padStart(11, '0')} `).join('')

function many(count: number, make: (index: number) => Uint8Array): Uint8Array {
  return join(...Array.from({ length: count }, (_, index) => make(index)))
}

const NUMBERS: readonly HostileArchive[] = [
  row(
    'a size of 8 EiB',
    DAMAGED,
    'beyond all sizes',
    member({ over: [[124, binary(0x80, 0x7f, 255, 255, 255, 255, 255, 255, 255)]] }),
  ),
  row(
    'a size of 1 TiB',
    'image-too-large',
    'content exceeds',
    member({ over: [[124, binary(0x80, 1, 0, 0, 0, 0, 0)]] }),
  ),
  row(
    'a negative size',
    DAMAGED,
    'negative',
    member({ over: [[124, Uint8Array.from({ length: 12 }, () => 0xff)]] }),
  ),
  row('a size with a sign', DAMAGED, 'negative', member({ over: [[124, '-0000000001\u0000']] })),
  row(
    'a size that is no number',
    DAMAGED,
    'is none',
    member({ over: [[124, '0x100000000\u0000']] }),
  ),
  row('a bad checksum', DAMAGED, 'checksum', member({ hasBadChecksum: true })),
  row(
    'a checksum of minus signs',
    DAMAGED,
    'checksum',
    member({}),
    member({ hasBadChecksum: true }),
  ),
  row(
    'too many bytes in all',
    'image-too-large',
    'content exceeds',
    many(40, (index) => member({ name: `f${index}`, content: new Uint8Array(1024 * 1024) })),
  ),
  row(
    'a sparse bomb of GNU tar',
    'image-too-large',
    'content exceeds',
    member({ flag: 'S', magic: 'gnu', over: [[483, '77777777777\u0000']] }),
  ),
  row(
    'a sparse bomb of PAX',
    'image-too-large',
    'content exceeds',
    pax([
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.name', 'x'],
      ['GNU.sparse.realsize', '900000000000000'],
    ]),
    member({ name: 'GNUSparseFile.1/x', content: '0\n' }),
  ),
  row(
    'a sparse map beyond the end',
    DAMAGED,
    'beyond its end',
    member({
      flag: 'S',
      magic: 'gnu',
      over: [
        [386, sparseTable(0o7777, 512)],
        [483, '00000001000\u0000'],
      ],
      content: 'x'.repeat(512),
    }),
  ),
]

const EXTRAS: readonly HostileArchive[] = [
  row(
    'a PAX path that leaves',
    REFUSED,
    '../../evil',
    pax([['path', '../../evil']]),
    member({ name: 'innocent' }),
  ),
  row(
    'a PAX link that leaves',
    REFUSED,
    '/etc/shadow',
    pax([['linkpath', '/etc/shadow']]),
    member({ name: 'a', flag: '1', linkname: 'b' }),
  ),
  row(
    'a sparse name that leaves',
    REFUSED,
    '../evil',
    pax([
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.name', '../evil'],
      ['GNU.sparse.realsize', '0'],
    ]),
    member({ name: 'innocent', content: '0\n' }),
  ),
  row(
    'a PAX size that hides a member',
    REFUSED,
    '../evil',
    pax([['size', '0']]),
    member({ name: 'a', size: 1024, content: '' }),
    member({ name: '../evil' }),
  ),
  row('a PAX size that is negative', DAMAGED, 'not a number', pax([['size', '-1']]), member({})),
  row(
    'a PAX path with a zero byte',
    DAMAGED,
    'zero byte',
    pax([['path', 'a\u0000../../x']]),
    member({}),
  ),
  row(
    'a PAX path that is not UTF-8',
    DAMAGED,
    'UTF-8',
    pax([['path', Uint8Array.of(0xff)]]),
    member({}),
  ),
  row(
    'a PAX record twice',
    DAMAGED,
    'comes twice',
    pax([
      ['path', 'a'],
      ['path', '../b'],
    ]),
    member({}),
  ),
  row(
    'a PAX record longer than its header',
    DAMAGED,
    'malformed',
    member({ flag: 'x', content: '999 path=a\n' }),
    member({}),
  ),
  row('a global path for all members', DAMAGED, 'global', pax([['path', '../x']], 'g'), member({})),
  row('a global size for all members', DAMAGED, 'global', pax([['size', '0']], 'g'), member({})),
  row(
    'another character set',
    DAMAGED,
    'character set',
    pax([['hdrcharset', 'BINARY']]),
    member({}),
  ),
  row(
    'a member that renames others',
    DAMAGED,
    'GNU.dumpdir',
    pax([['GNU.dumpdir', 'Dx']]),
    member({}),
  ),
  row(
    'long names in two forms',
    DAMAGED,
    'two forms',
    longName('a'),
    pax([['path', 'b']]),
    member({}),
  ),
  row('two long names', DAMAGED, 'two long names', longName('a'), longName('../b'), member({})),
  row(
    'a long name without an end',
    DAMAGED,
    'not ended',
    member({ flag: 'L', magic: 'gnu', content: 'x'.repeat(512) }),
    member({}),
  ),
  row(
    'a long name of 2 MiB',
    DAMAGED,
    'too large',
    member({ flag: 'L', magic: 'gnu', content: new Uint8Array(2 * 1024 * 1024) }),
    member({}),
  ),
  row(
    'an attribute that steers overlays',
    REFUSED,
    'trusted.overlay.redirect',
    pax([['SCHILY.xattr.trusted.overlay.redirect', '/etc']]),
    member({}),
  ),
  row(
    'an attribute with a long name',
    REFUSED,
    'user.xxx',
    pax([[`SCHILY.xattr.user.${'x'.repeat(300)}`, '1']]),
    member({}),
  ),
]

const SOUND = member({ name: 'etc/os-release', content: 'PRETTY_NAME="v2"\n' })

const WHOLES: readonly HostileArchive[] = [
  {
    what: 'nothing at all',
    bytes: new Uint8Array(0),
    code: 'image-format-unknown',
    says: 'neither',
  },
  {
    what: 'only an end',
    bytes: new Uint8Array(1024),
    code: 'image-format-unknown',
    says: 'neither',
  },
  { what: 'a header cut in two', bytes: SOUND.subarray(0, 300), code: DAMAGED, says: 'midst' },
  {
    what: 'a content cut in two',
    bytes: join(SOUND.subarray(0, 520)),
    code: DAMAGED,
    says: 'midst',
  },
  { what: 'no end mark', bytes: SOUND, code: DAMAGED, says: 'midst' },
  {
    what: 'a second archive after the end',
    bytes: archive(archive(SOUND), member({ name: '../x' })),
    code: DAMAGED,
    says: 'follow',
  },
  {
    what: 'garbage after the end',
    bytes: join(archive(SOUND), pad(Buffer.from('x'))),
    code: DAMAGED,
    says: 'follow',
  },
  {
    what: 'gzip in place of tar',
    bytes: gzipSync(archive(SOUND)),
    code: 'image-format-unknown',
    says: 'neither',
  },
  {
    what: 'xz in place of tar',
    bytes: Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, ...new Uint8Array(600)),
    code: 'image-format-unknown',
    says: 'neither',
  },
  {
    what: 'a tar inside gzip that looks like a tar',
    bytes: archive(member({ name: Uint8Array.of(0x1f, 0x8b, 8, 0) })),
    code: DAMAGED,
    says: 'UTF-8',
  },
  {
    what: 'a header of no format in the midst',
    bytes: archive(SOUND, member({ name: 'x', magic: 'none' })),
    code: DAMAGED,
    says: 'format',
  },
  {
    what: 'records without a member',
    bytes: archive(SOUND, pax([['path', 'a']])),
    code: DAMAGED,
    says: 'before a member',
  },
]

/** The table of S-13. */
export const HOSTILE_ARCHIVES: readonly HostileArchive[] = [
  ...HOSTILE_MEMBERS,
  ...NUMBERS,
  ...EXTRAS,
  ...WHOLES,
]
