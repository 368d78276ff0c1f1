// Members that must not be unpacked: by their name, their link, their type (S-13).
import { folder, REFUSED, DAMAGED, row, symlink, type HostileArchive } from './hostile-row.ts'
import { longName, member } from './tar-blocks.ts'

const device = (name: string, flag: string) =>
  member({
    name,
    flag,
    over: [
      [329, '0000001'],
      [337, '0000003'],
    ],
  })

const NAMES: readonly HostileArchive[] = [
  row('a name with ..', REFUSED, '../evil', member({ name: '../evil' })),
  row('a name with .. inside', REFUSED, 'a/../../evil', member({ name: 'a/../../evil' })),
  row('a name that ends with ..', REFUSED, 'a/..', member({ name: 'a/..' })),
  row('an absolute name', REFUSED, '/etc/passwd', member({ name: '/etc/passwd' })),
  row('two slashes at the start', REFUSED, '//etc/passwd', member({ name: '//etc/passwd' })),
  row('an absolute name by ./', REFUSED, './/etc/passwd', member({ name: './/etc/passwd' })),
  row('.. through the prefix field', REFUSED, '../x', member({ name: 'x', prefix: '..' })),
  row('no name', REFUSED, 'no name', member({ name: '' })),
  row(
    'a second name after a zero byte',
    DAMAGED,
    'zero byte',
    member({ name: 'a\u0000/../../evil' }),
  ),
  row('a newline in a name', REFUSED, 'control', member({ name: 'a\nb' })),
  row('an escape sequence in a name', REFUSED, 'control', member({ name: 'a\u001b[2Jb' })),
  row(
    'a name that is not UTF-8',
    DAMAGED,
    'UTF-8',
    member({ name: Uint8Array.of(0x61, 0xff, 0xfe) }),
  ),
  row(
    'an overlong / of UTF-8',
    DAMAGED,
    'UTF-8',
    member({ name: Uint8Array.of(0x2e, 0x2e, 0xc0, 0xaf, 0x78) }),
  ),
  row(
    'a part of 300 bytes',
    REFUSED,
    'too long',
    longName('x'.repeat(300)),
    member({ magic: 'gnu' }),
  ),
  row(
    'a path of 5000 bytes',
    REFUSED,
    'too long',
    longName(`${'abcdefghijklmnopqrstuvwxyz/'.repeat(185)}f`),
    member({ magic: 'gnu' }),
  ),
  row(
    '300 folders deep',
    REFUSED,
    'too deep',
    longName('d/'.repeat(300)),
    member({ magic: 'gnu', flag: '5' }),
  ),
  row(
    'the reserved name of the kernel',
    REFUSED,
    'reserved',
    member({ name: './boot/.vmlinuz.kubenest' }),
  ),
  row(
    'the kernel by another path',
    REFUSED,
    'boot//vmlinuz',
    member({ name: 'boot//vmlinuz', content: 'k' }),
  ),
]

const LINKS: readonly HostileArchive[] = [
  row('a link above the root', REFUSED, '../../etc', symlink('a/b', '../../etc')),
  row('an absolute link with ..', REFUSED, '/../etc', symlink('a', '/../etc')),
  row('a link without a target', REFUSED, 'target is empty', symlink('a', '')),
  row(
    'a link, then a file through it',
    REFUSED,
    'goes through a',
    symlink('a', '/etc'),
    member({ name: 'a/passwd', content: 'x' }),
  ),
  row(
    'a link, then a folder through it',
    REFUSED,
    'goes through a',
    symlink('./a', 'usr'),
    folder('a/b'),
  ),
  row(
    'a link through two links',
    REFUSED,
    'goes through a',
    symlink('a', 'b'),
    symlink('b', '/'),
    member({ name: 'a/x/y' }),
  ),
  row(
    'a link instead of a file',
    REFUSED,
    'second time',
    member({ name: 'a', content: '1' }),
    symlink('a', '/etc/shadow'),
  ),
  row('a folder that becomes a link', REFUSED, 'second time', folder('a'), symlink('a', '/etc')),
  row('a link that becomes a folder', REFUSED, 'second time', symlink('a', '/etc'), folder('a')),
  row(
    'a hard link out',
    REFUSED,
    '/etc/shadow',
    member({ name: 'a', flag: '1', linkname: '/etc/shadow' }),
  ),
  row(
    'a hard link with ..',
    REFUSED,
    '../etc/shadow',
    member({ name: 'a', flag: '1', linkname: '../etc/shadow' }),
  ),
  row(
    'a hard link to what comes later',
    REFUSED,
    'no file before',
    member({ name: 'a', flag: '1', linkname: 'b' }),
    member({ name: 'b' }),
  ),
  row(
    'a hard link to a link',
    REFUSED,
    'no file before',
    symlink('l', '/etc/shadow'),
    member({ name: 'a', flag: '1', linkname: 'l' }),
  ),
  row(
    'a hard link through a link',
    REFUSED,
    'no file before',
    symlink('l', '/etc'),
    member({ name: 'a', flag: '1', linkname: 'l/shadow' }),
  ),
  row(
    'a hard link with content',
    REFUSED,
    'with content',
    member({ name: 'b' }),
    member({ name: 'a', flag: '1', linkname: 'b', content: 'x' }),
  ),
  row('the root as a link', REFUSED, 'root is a folder', symlink('.', '/etc')),
  row(
    'a link in a long name that leaves',
    REFUSED,
    'leaves the root',
    longName('../'.repeat(60), 'K'),
    member({ name: 'a', flag: '2', magic: 'gnu' }),
  ),
]

const TYPES: readonly HostileArchive[] = [
  row('a character device', REFUSED, 'etc/null', device('etc/null', '3')),
  row('a block device', REFUSED, 'disk', device('disk', '4')),
  row('a device that only looks like one of /dev', REFUSED, 'devices/x', device('devices/x', '3')),
  row('/dev itself as a device', REFUSED, 'outside /dev', device('dev', '4')),
  row(
    'a file below a device',
    REFUSED,
    'goes through',
    device('dev/x', '3'),
    member({ name: 'dev/x/y' }),
  ),
  row(
    'a folder with content',
    REFUSED,
    'with content',
    member({ name: 'a', flag: '5', content: 'hidden' }),
  ),
  row('a multi-volume member', REFUSED, 'unknown', member({ name: 'a', flag: 'M', magic: 'gnu' })),
  row(
    'an incremental folder, which deletes',
    REFUSED,
    'unknown',
    member({ name: 'a', flag: 'D', magic: 'gnu', content: 'Dx\u0000\u0000' }),
  ),
  row('a volume label', REFUSED, 'unknown', member({ name: 'a', flag: 'V', magic: 'gnu' })),
  row(
    'a file twice',
    REFUSED,
    'second time',
    member({ name: 'a', content: '1' }),
    member({ name: './a', content: '2' }),
  ),
  row(
    'a file that becomes a folder',
    REFUSED,
    'second time',
    member({ name: 'a', content: '1' }),
    folder('a'),
  ),
  row(
    'a file below a file',
    REFUSED,
    'goes through',
    member({ name: 'a', content: '1' }),
    member({ name: 'a/b' }),
  ),
]

/** The first half of the table. */
export const HOSTILE_MEMBERS: readonly HostileArchive[] = [...NAMES, ...LINKS, ...TYPES]
