// Members of an OS tar (decision 17).
import { describe, expect, test } from 'bun:test'
import { isOsError } from '@kubenest/base/errors'
import { checkTarMember, type TarMember } from './check-tar-entry.ts'

function check(name: string, type: TarMember['type'] = 'file', linkname = ''): string {
  try {
    return checkTarMember({ name, type, linkname, sizeBytes: 0 }).isSkipped ? 'skip' : 'unpack'
  } catch (error) {
    return isOsError(error, 'image-member-refused') ? 'refused' : String(error)
  }
}

describe('checkTarMember()', () => {
  const cases: [string, string, TarMember['type']?, string?][] = [
    ['unpack', './usr/bin/su'],
    ['unpack', './', 'directory'],
    ['unpack', 'etc/x', 'symlink', '/usr/lib/x'],
    ['unpack', 'usr/lib/x', 'symlink', '../../etc/x'],
    ['unpack', 'a', 'link', './b'],
    ['skip', './dev/null', 'device'],
    ['refused', 'devices/null', 'device'],
    ['refused', '../x'],
    ['refused', 'a/../../x'],
    ['refused', '/etc/passwd'],
    ['refused', 'a//b'],
    ['refused', 'a/./b'],
    ['refused', './/a'],
    ['refused', '.', 'symlink', 'etc'],
    ['refused', 'boot/.vmlinuz.kubenest'],
    ['refused', 'a/b', 'symlink', '../../x'],
    ['refused', 'a', 'symlink', '/../x'],
    ['refused', 'a', 'symlink', ''],
    ['refused', 'a', 'link', '/etc/shadow'],
  ]
  for (const [expected, name, type, linkname] of cases)
    test(`checkTarMember() says ${expected} to ${[name, type, linkname].join(' ')}`, () => {
      expect(check(name, type, linkname)).toBe(expected)
    })
})
