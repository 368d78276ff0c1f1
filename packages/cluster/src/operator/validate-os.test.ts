import { describe, expect, test } from 'bun:test'
import { sampleOs } from '../../test/sample-facts.ts'
import type { ImageSourceFacts, OsFacts } from './facts.ts'
import { validateOs } from './validate-os.ts'

const HEX = 'ab'.repeat(32)
const disk: ImageSourceFacts = {
  type: 'disk',
  url: 'https://server/os.tar',
  containerImage: '',
  checksum: HEX,
  allowsHttp: false,
  mtls: false,
  caCert: '',
  clientCert: '',
  clientKey: '',
}
const docker: ImageSourceFacts = {
  ...disk,
  type: 'docker',
  url: '',
  containerImage: 'reg.lan:5000/team/os:2024-09',
}

function fields(changes: Partial<OsFacts>): string[] {
  return validateOs(sampleOs(changes)).map(({ field }) => field)
}

describe('validateOs()', () => {
  const good: [string, Partial<OsFacts>][] = [
    ['a disk image over https', { source: disk }],
    [
      'a disk image over http with flagSafe',
      { source: { ...disk, url: 'http://server/os.tar', allowsHttp: true } },
    ],
    ['an upper-case checksum', { source: { ...disk, checksum: HEX.toUpperCase() } }],
    ['a container image', { source: docker }],
    ['a container digest with prefix', { source: { ...docker, checksum: `sha256:${HEX}` } }],
    ['an empty imagetype, which the agent judges', {}],
    ['a rollback without any source', { operation: 'rollback' }],
    ['settings without version of the OS', { operation: 'config', targetVersion: '' }],
  ]
  for (const [title, changes] of good)
    test(`validateOs() accepts ${title}`, () => {
      expect(fields(changes)).toEqual([])
    })

  const bad: [string, Partial<OsFacts>, string][] = [
    ['an unknown opstype', { operation: 'destroy' }, 'opstype'],
    ['an unknown executionmode', { mode: 'random' }, 'executionmode'],
    ['a selector with a space', { nodeSelector: 'bad value!' }, 'nodeselector'],
    ['half a window', { window: { start: '01:00:00', end: '' } }, 'timewindow'],
    ['a cap of 0', { maxUnavailable: 0 }, 'maxunavailable'],
    [
      'a wrong percentage',
      { maxUnavailable: '120%', maxUnavailableField: 'rollout.maxUnavailable' },
      'rollout.maxUnavailable',
    ],
    ['no version', { targetVersion: '' }, 'osversion'],
    ['http without flagSafe', { source: { ...disk, url: 'http://server/os.tar' } }, 'imageurl'],
    ['another scheme', { source: { ...disk, url: 'ftp://server/os.tar' } }, 'imageurl'],
    ['no address', { source: { ...disk, url: '' } }, 'imageurl'],
    ['no checksum', { source: { ...disk, checksum: '' } }, 'checksum'],
    ['a short checksum', { source: { ...disk, checksum: 'abc' } }, 'checksum'],
    ['mtls without certificate', { source: { ...disk, mtls: true, clientKey: 'k' } }, 'clientcert'],
    [
      'an image with tag and digest',
      { source: { ...docker, containerImage: 'os:v2@sha256:01' } },
      'containerimage',
    ],
    [
      'an image that looks like an option',
      { source: { ...docker, containerImage: '-os' } },
      'containerimage',
    ],
    [
      'an image with shell text',
      { source: { ...docker, containerImage: 'os;x' } },
      'containerimage',
    ],
    ['an unknown imagetype', { source: { ...disk, type: 'tape' } }, 'imagetype'],
  ]
  for (const [title, changes, field] of bad)
    test(`validateOs() names the field for ${title}`, () => {
      expect(fields(changes)).toEqual([field])
    })

  test('validateOs() shows value and remedy, but no password of an address', () => {
    const source = { ...disk, url: 'http://user:secret@server/os.tar?token=abc' }
    const [problem] = validateOs(sampleOs({ source }))
    expect(problem?.message).toBe(
      'spec.imageurl is "http://…@server/os.tar?…": it needs https, or flagSafe: true to allow http',
    )
  })
})
