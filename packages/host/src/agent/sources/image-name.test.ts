import { describe, expect, test } from 'bun:test'
import { fullImageName, parseImageName } from './image-name.ts'

describe('parseImageName()', () => {
  test.each(['os', 'os:v2', 'reg.lan:5000/team/os:2024-09', 'reg.lan/os@sha256:0123abcd', 'a_b/c'])(
    'D10: takes %j',
    (text) => {
      expect(parseImageName(text).text).toBe(text)
    },
  )

  test.each([
    'os:v2@sha256:01',
    'reg.lan//os',
    'os:',
    '/os',
    'os;x',
    '',
    ' os',
    'os ',
    'os\n',
    '-os',
    '--privileged',
    'reg.lan/-os',
    'os$(id)',
    'os`id`',
    'os@sha256:',
    'os@sha256:xyz',
    'os@md5:01',
    'ös',
    '../os/..;',
    'a'.repeat(513),
  ])('D10: refuses %j', (text) => {
    expect(() => parseImageName(text)).toThrow(
      expect.objectContaining({ kind: 'invalid', code: 'image-name-refused' }),
    )
  })
})

describe('fullImageName()', () => {
  test.each([
    ['os', 'docker.io/library/os:latest'],
    ['os:v2', 'docker.io/library/os:v2'],
    ['team/os:v2', 'docker.io/team/os:v2'],
    ['localhost/os', 'localhost/os:latest'],
    ['reg.lan:5000/os', 'reg.lan:5000/os:latest'],
    ['reg.lan/os@sha256:ab', 'reg.lan/os@sha256:ab'],
  ])('completes %j to %j', (text, full) => {
    expect(fullImageName(parseImageName(text))).toBe(full)
  })
})
